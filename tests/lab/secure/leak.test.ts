import { describe, expect, test } from 'vitest';
import { exposedSums, findLeak, type Knowledge } from '../../../src/lab/secure/leak.ts';

const everybody = [0, 1, 2, 3, 4];

/** Five clients with all others' masks in each input, t = 3; nothing known but what is given. */
function known(
  given: {
    seeds?: readonly number[];
    masks?: readonly number[];
    corrupt?: readonly number[];
    boxes?: Readonly<Record<number, readonly number[]>>;
  } = {},
): Knowledge {
  const { seeds = [], masks = [], corrupt = [], boxes = {} } = given;
  const three = new Set([10, 11, 12]);
  const two = new Set([10, 11]);
  const honest = everybody.filter((i) => !corrupt.includes(i));
  return {
    corrupt: new Set(corrupt),
    inputs: new Map(honest.map((u) => [u, new Set(boxes[u] ?? everybody.filter((v) => v !== u))])),
    seedShares: new Map(everybody.map((i) => [i, seeds.includes(i) ? three : two])),
    maskShares: new Map(everybody.map((i) => [i, masks.includes(i) ? three : two])),
    threshold: () => 3,
  };
}

describe('what a hostile server can learn', () => {
  test('is nothing where t − 1 shares of everything are all it has', () => {
    expect(exposedSums(known())).toEqual([]);
  });

  test('is the sum of all with all seeds, and nothing with all but one', () => {
    expect(exposedSums(known({ seeds: everybody }))).toEqual([everybody]);
    expect(exposedSums(known({ seeds: [0, 1, 2, 3] }))).toEqual([]);
  });

  test('is the sum of survivors once the mask secrets of the others are known', () => {
    expect(exposedSums(known({ seeds: [0, 1, 2], masks: [3, 4] }))).toEqual([[0, 1, 2]]);
    expect(exposedSums(known({ seeds: [0, 1, 2], masks: [3] }))).toEqual([]);
  });

  test('is one input where both its secrets are', () => {
    const knowledge = known({ seeds: everybody, masks: [2] });
    expect(exposedSums(knowledge)).toEqual([[0, 1, 3, 4], [2]]);
    expect(findLeak(knowledge, { honestInputs: 2 })).toEqual({ kind: 'small-sum', clients: [2] });
    expect(findLeak(knowledge, { honestInputs: 0 })).toEqual({ kind: 'both-secrets', client: 2 });
  });

  test('is the sum of the honest, where those in league with it are among them', () => {
    const knowledge = known({ seeds: [1, 2, 3, 4], corrupt: [0] });
    expect(exposedSums(knowledge)).toEqual([[1, 2, 3, 4]]);
    expect(findLeak(knowledge, { honestInputs: 4 })).toBeUndefined();
    expect(findLeak(knowledge, { honestInputs: 5 })).toEqual({
      kind: 'small-sum',
      clients: [1, 2, 3, 4],
    });
  });

  test('is two sums, where nobody of one has masks with the other', () => {
    const boxes = { 0: [1], 1: [0], 2: [3, 4], 3: [2, 4], 4: [2, 3] };
    expect(exposedSums(known({ seeds: everybody, boxes }))).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  test('is nothing of an input with a mask that only it holds, and is not kept from the other by it', () => {
    // Client 4 masks with 0, which was told that 4 never shared.
    const boxes = { 0: [1], 1: [0], 2: [3], 3: [2], 4: [0] };
    expect(exposedSums(known({ seeds: everybody, boxes }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});
