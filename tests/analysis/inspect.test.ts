/** Inspection: what it says of rounds whose outliers are known, and of bad input. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InspectOptions, inspectWith } from '../../src/analysis/inspect.ts';
import type { ClientMemory } from '../../src/analysis/memory.ts';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom } from '../../src/core/random.ts';
import type { Updates } from '../../src/screen.ts';

const make = inspectWith(createBackend);
const inspect = (updates: Updates, options: InspectOptions = {}) =>
  make(updates, { backend: 'reference', ...options });

const COLS = 64;

/** Rows around one direction, of norm about 8, each with its own noise. */
function honest(count: number, seed = 1): Float32Array[] {
  const random = createRandom(seed);
  const center = Array.from({ length: COLS }, (_, j) => Math.sin(1 + j));
  return Array.from({ length: count }, () =>
    Float32Array.from(center, (value) => value + 0.5 * random.normal()),
  );
}

function times(row: Float32Array, factor: number): Float32Array {
  return row.map((value) => value * factor);
}

const suspects = async (updates: Updates, options?: InspectOptions): Promise<string[]> => {
  const { clients } = await inspect(updates, options);
  return clients.filter(({ suspected }) => suspected).map(({ client }) => client);
};

describe('inspect', () => {
  test('suspects nobody among rows of one kind', async () => {
    for (let seed = 1; seed <= 20; seed++) expect(await suspects(honest(10, seed))).toEqual([]);
  });

  test.each<[string, Float32Array, RegExp]>([
    ['a reversed row', times(honest(1, 7)[0]!, -1), /^(direction|neighbours|cluster): /],
    [
      'a row a thousand times as long',
      times(honest(1, 7)[0]!, 1000),
      /^(neighbours|spectral): is|lies/,
    ],
    ['a row of nothing but zeros', new Float32Array(COLS), /^norm: has norm 0.000 where/],
  ])('suspects %s alone, and says why', async (_, row, reason) => {
    const rows = honest(9);
    const { clients } = await inspect([...rows, row]);
    expect(clients.map(({ suspected }) => suspected)).toEqual([...rows.map(() => false), true]);
    expect(clients[9]!.reason).toMatch(reason);
    expect(clients[0]).not.toHaveProperty('reason');
  });

  test('sees four that send the same reversed row among clients that differ much', async () => {
    const random = createRandom(3);
    const center = Array.from({ length: COLS }, (_, j) => 0.4 * Math.sin(1 + j));
    const apart = Array.from({ length: 16 }, () =>
      Float32Array.from(center, (value) => value + random.normal()),
    );
    const lie = Float32Array.from(center, (value) => -value);
    const rows = [lie, lie, lie, lie, ...apart];
    const { clients } = await inspect(rows);
    const direction = clients.map(({ findings }) =>
      findings.find((f) => f.detector === 'direction'),
    );
    // Were the geometric median drawn to the four, their cosine to it would be near 1.
    expect(direction[0]!.score).toBeLessThan(-0.5);
    expect(clients.map(({ suspected }) => suspected)).toEqual(rows.map((_, i) => i < 4));
  });

  test('never suspects whom somebody copies', async () => {
    const rows = honest(10);
    const { clients } = await inspect([rows[0]!, rows[0]!, ...rows]);
    expect(clients.filter(({ suspected }) => suspected)).toEqual([]);
    const alike = clients[0]!.findings.find(({ detector }) => detector === 'fools-gold')!;
    expect(alike).toMatchObject({ fired: true, corroborates: true });
    expect(clients[0]!.verdict).toBe('flagged');
  });

  test('leaves what the screen excludes out of everything', async () => {
    const rows = honest(9);
    const broken = rows[0]!.map((value, j) => (j === 3 ? Number.NaN : value));
    const plain = await inspect(new Map(rows.map((row, i) => [`c${i}`, row])));
    const spoilt = await inspect(
      new Map([...rows.map((row, i): [string, Float32Array] => [`c${i}`, row]), ['x', broken]]),
    );
    expect(spoilt.clients.slice(0, 9)).toEqual(plain.clients);
    expect(spoilt.clients[9]).toMatchObject({
      verdict: 'excluded',
      findings: [],
      score: 0,
      suspected: false,
    });
    expect(spoilt.rows).toBe(9);
  });

  test('says the same whatever the order, and whatever all rows are multiplied by', async () => {
    const rows = [...honest(9), times(honest(1, 5)[0]!, -1)];
    const named = rows.map((row, i): [string, Float32Array] => [`c${i}`, row]);
    const plain = await inspect(new Map(named));
    const property = fc.asyncProperty(
      fc.shuffledSubarray(named, { minLength: named.length, maxLength: named.length }),
      fc.constantFrom(2 ** -20, 0.5, 1, 2 ** 30),
      async (order, factor) => {
        const moved = await inspect(
          new Map(order.map(([name, row]) => [name, times(row, factor)])),
        );
        for (const [i, { score, suspected }] of moved.clients.entries()) {
          expect(suspected).toBe(plain.clients[i]!.suspected);
          // Powers of two are exact; n×n numbers are decided on in f64.
          expect(score).toBeCloseTo(plain.clients[i]!.score, 9);
        }
      },
    );
    await fc.assert(property, { seed: 5, numRuns: 20 });
  });

  test('gives numbers for every finite cohort, however small, equal or extreme', async () => {
    const entry = fc.constantFrom(0, -0, 1e-45, 1, -1, 3e38, -3e38);
    const rows = fc.array(fc.tuple(entry, entry), { minLength: 1, maxLength: 7 });
    const property = fc.asyncProperty(rows, async (numbers) => {
      const updates = numbers.map((row) => Float32Array.from(row));
      const { clients } = await inspect(updates, { sketch: { seed: 1, width: 16 } });
      for (const { findings, score } of clients) {
        const all = [score, ...findings.flatMap((f) => [f.score, f.deviation])];
        expect(all.filter((value) => !Number.isFinite(value))).toEqual([]);
      }
    });
    await fc.assert(property, { seed: 9, numRuns: 60 });
  });

  test('agrees with itself on every backend on the CPU', async () => {
    const rows = [...honest(9), times(honest(1, 5)[0]!, -1)];
    const [one, other] = [await inspect(rows), await inspect(rows, { backend: 'wasm' })];
    for (const [i, { findings }] of other.clients.entries()) {
      for (const [k, { deviation }] of findings.entries()) {
        const wanted = one.clients[i]!.findings[k]!.deviation;
        expect(Math.abs(deviation - wanted)).toBeLessThan(1e-3 * Math.max(1, Math.abs(wanted)));
      }
    }
  });
});

describe('what the server trusts', () => {
  test('a root update and the last step tell who goes against them', async () => {
    const rows = honest(9);
    // The noise of nine rows is a third of that of one.
    const own = rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]! / 9, 0));
    const against = times(own, -0.2);
    const { clients, detectors } = await inspect([...rows, against], { root: own, step: own });
    expect(detectors).toEqual(expect.arrayContaining(['root', 'global-step']));
    const found = clients[9]!.findings.filter(({ fired }) => fired).map(({ detector }) => detector);
    expect(found).toEqual(expect.arrayContaining(['root', 'global-step', 'direction']));
  });

  test('it must be finite and as long as the updates', async () => {
    const bad = new Float32Array(COLS).fill(Number.NaN);
    await expect(inspect(honest(5), { root: bad })).rejects.toThrow('root must be finite');
    await expect(inspect(honest(5), { cols: COLS, step: bad.subarray(1) })).rejects.toThrow(
      `step must have ${COLS} entries, got ${COLS - 1}`,
    );
  });
});

describe('what is remembered', () => {
  const sketch = { seed: 11, width: 64 };

  async function known(rounds: number): Promise<Map<string, ClientMemory>> {
    const memories = new Map<string, ClientMemory>();
    for (let round = 1; round <= rounds; round++) {
      const found = await inspect(honest(8, round), { memories, sketch });
      for (const [client, memory] of found.memories!) memories.set(client, memory);
    }
    return memories;
  }

  test('a client that turns is held against its own past, through JSON and back', async () => {
    const memories = await known(6);
    const kept = new Map<string, ClientMemory>(JSON.parse(JSON.stringify([...memories])));
    const rows = honest(8, 99);
    const turned = [times(rows[0]!, -1), ...rows.slice(1)];
    const { clients } = await inspect(turned, { memories: kept, sketch });
    const past = clients.map(({ findings }) => findings.find((f) => f.detector === 'history')!);
    expect(past.map(({ fired }) => fired)).toEqual(rows.map((_, i) => i === 0));
    // Cosines 0.8 or so before and −0.8 now are 1.6 apart; the floor of the spread is 0.15.
    expect(past[0]!.deviation).toBeGreaterThan(9);
    expect(past[0]!.words).toMatch(/^has cosine -0\.\d\d to /);
  });

  test('it says nothing of a client before its fifth round', async () => {
    const { clients } = await inspect(honest(8, 50), { memories: await known(3), sketch });
    expect(clients[0]!.findings.map(({ detector }) => detector)).not.toContain('history');
  });

  test('a memory has one size whatever the model’s', async () => {
    const sizes = [100, 10_000].map(async (cols) => {
      const rows = Array.from({ length: 3 }, (_, i) => new Float32Array(cols).fill(i + 1));
      const { memories } = await inspect(rows, { sketch });
      return memories!.get('0')!.sum.length;
    });
    expect(await Promise.all(sizes)).toEqual([64, 64]);
  });

  test('the size of a shard changes no bit of it', async () => {
    const rows = Array.from({ length: 3 }, (_, i) =>
      Float32Array.from({ length: 150_000 }, (_, j) => Math.sin(i + j)),
    );
    // The rows take 1.8 MB: with 2 MB they are read a shard at a time.
    const [narrow, wide] = await Promise.all(
      [2_000_000, 2 ** 30].map((memory) => inspect(rows, { memory, sketch, detectors: [] })),
    );
    expect(narrow!.memories).toEqual(wide!.memories);
  });

  test('memories of another sketch are refused', async () => {
    const memories = await known(1);
    const other = { memories, sketch: { seed: 12, width: 64 } };
    await expect(inspect(honest(8), other)).rejects.toThrow('and another seed');
    await expect(inspect(honest(8), { memories })).rejects.toThrow('memories need the sketch');
    await expect(inspect(honest(8), { sketch: { seed: -1 } })).rejects.toThrow(RangeError);
  });
});

describe('conditions', () => {
  test('f is bounded by n, and is the largest that n admits where it is not given', async () => {
    expect((await inspect(honest(9))).f).toBe(3);
    await expect(inspect(honest(6), { f: 2 })).rejects.toThrow(
      'inspect needs n ≥ 2f + 3 = 7 clients for f = 2, got 6',
    );
  });

  test('options that do not exist are refused', async () => {
    await expect(inspect(honest(3), { treshold: 1 } as InspectOptions)).rejects.toThrow(
      'there is no option "treshold"',
    );
  });
});
