import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend, ColumnRange, MaskKeys } from '../../src/backend/kernels.ts';
import { addMasks } from '../../src/backend/secure/masks.ts';
import { BackendError } from '../../src/core/errors.ts';
import { createRandom } from '../../src/core/random.ts';
import {
  type Mask,
  type MaskBackend,
  type MaskFault,
  type Masks,
  masksBy,
  referenceMasks,
} from '../../src/secagg/masks.ts';
import { nativeMasks } from '../../src/secagg/masks-node.ts';
import { backendMasks } from '../../src/secure-masks.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

const SEED = 77;
/** Not random: which block is looked at can be told. */
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(SEED);
const firstBlock = (blocks: number): number => createRandom(randomBytes(32)).below(blocks);
/** Another one at each call. */
function countedBytes(): (length: number) => Uint8Array {
  let calls = SEED;
  return (length) => new Uint8Array(length).fill(calls++);
}

function masksOf(count: number, seed = 1): Mask[] {
  return Array.from({ length: count }, (_, i) => ({
    key: new Uint8Array(wordsOf(8, 1000 * seed + i).buffer),
    sign: i % 3 === 1 ? -1 : 1,
  }));
}

/** A backend of which `change` may see and change what it gives. */
function watched(backend: Backend, change: (masked: Uint32Array) => void = () => {}) {
  const given: MaskKeys[] = [];
  const released: unknown[] = [];
  const changed: MaskBackend = {
    info: backend.info,
    words: (rows) => backend.words(rows),
    addMasks: (x, masks) => {
      given.push(masks);
      return addMasks(x, masks);
    },
    readWords: async (x) => {
      const masked = await backend.readWords(x);
      change(masked);
      return masked;
    },
    release: (x) => {
      released.push(x);
      backend.release(x);
    },
  };
  return { backend: changed, given, released };
}

/** Masks on a backend under watch, and the faults that were heard of. */
async function onWatched(change?: (masked: Uint32Array) => void, random = randomBytes) {
  const watch = watched(await createBackend('reference'), change);
  const faults: MaskFault[] = [];
  const masks = backendMasks(watch.backend, {
    randomBytes: random,
    onFault: (fault) => faults.push(fault),
  });
  return { ...watch, faults, masks };
}

const WAYS: readonly [string, () => Promise<Masks>][] = [
  ['portable code', async () => referenceMasks()],
  ["Node's own ChaCha20", async () => nativeMasks()],
  ...(['reference', 'wasm', 'webgpu'] as const).map((name): [string, () => Promise<Masks>] => [
    `the ${name} backend`,
    async () => backendMasks(await createBackend(name), { randomBytes }),
  ]),
];

describe.each(WAYS)('masks by %s', (_, make) => {
  test('are the keystream of RFC 8439', async () => {
    const masks = await make();
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const words = await masks.add(new Uint32Array(20), [{ key, sign: 1 }]);
    expect([...words.subarray(0, 4)]).toEqual([0x7d2bfd39, 0x6a19c5d9, 0x7703bd8d, 0x494adcb8]);
    expect([...words.subarray(16)]).toEqual([0x3142b818, 0xd1a6e6ad, 0x615c6113, 0x274e43af]);
  });

  test.each([
    [1, 1],
    [17, 3],
    [5000, 20],
    // Beyond a chunk of what is made at once, and beyond 2^16 blocks.
    [16_384 + 5, 2],
    [2 ** 20 + 37, 1],
  ])('on %i words with %i keys are those of portable code', async (cols, count) => {
    const x = wordsOf(cols);
    const before = x.slice();
    const masks = await make();
    const got = await masks.add(x, masksOf(count));
    expectSameWords(got, await referenceMasks().add(x, masksOf(count)));
    expectSameWords(x, before);
  });

  test('cancel when they are subtracted again', async () => {
    const x = wordsOf(333);
    const masks = await make();
    const there = await masks.add(x, masksOf(9));
    const back = masksOf(9).map(({ key, sign }): Mask => ({ key, sign: sign === 1 ? -1 : 1 }));
    expect(there).not.toEqual(x);
    expectSameWords(await masks.add(there, back), x);
  });

  test('that are none leave words as they are, in a new array', async () => {
    const x = wordsOf(5);
    const masks = await make();
    const got = await masks.add(x, []);
    expect(got).toEqual(x);
    expect(got).not.toBe(x);
    expect(await masks.add(new Uint32Array(0), masksOf(1))).toEqual(new Uint32Array(0));
  });

  const key = new Uint8Array(32).fill(0xab);
  test.each<[string, unknown, unknown, string]>([
    ['floats', new Float32Array(2), [], 'words must be a Uint32Array'],
    ['no list', new Uint32Array(2), null, 'masks must be an array, got null'],
    ['a short key', new Uint32Array(2), [{ key: key.subarray(1), sign: 1 }], 'key of mask 0 must'],
    [
      'a cleared key',
      new Uint32Array(2),
      [{ key: new Uint8Array(32), sign: 1 }],
      'not be all zero',
    ],
    [
      'a sign of 0',
      new Uint32Array(2),
      [
        { key, sign: -1 },
        { key, sign: 0 },
      ],
      'sign of mask 1 must be 1 or -1',
    ],
  ])('of %s are refused, and no key is quoted', async (_, words, masks, message) => {
    const way = await make();
    const refused = way.add(words as Uint32Array, masks as Mask[]);
    await expect(refused).rejects.toThrow(TypeError);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.not.toThrow(/171|ab.?ab/);
  });
});

describe('a block that is looked at', () => {
  test('tells any bit that is wrong in it', async () => {
    const x = wordsOf(16);
    const want = await referenceMasks().add(x, masksOf(3));
    for (let bit = 0; bit < 512; bit += 7) {
      const { masks, faults } = await onWatched((masked) => {
        masked[bit >> 5]! ^= 1 << (bit & 31);
      });
      expectSameWords(await masks.add(x, masksOf(3)), want);
      expect(faults).toMatchObject([{ fault: true, kind: 'wrong' }]);
    }
  });

  test('is chosen among all, by the randomness that was given', async () => {
    const blocks = 40;
    const chosen = firstBlock(blocks);
    const x = wordsOf(16 * blocks - 3);
    for (const block of [chosen, (chosen + 1) % blocks]) {
      const { masks, faults } = await onWatched((masked) => {
        masked[16 * block]! ^= 1;
      });
      await masks.add(x, masksOf(2));
      expect(faults.length).toBe(block === chosen ? 1 : 0);
    }
  });

  test('is another one in each call', async () => {
    // Of eight blocks the last is wrong always: 40 calls miss it with a chance of (7/8)^40 = 0.5 %;
    // under this seed they do not.
    const { masks, faults } = await onWatched((masked) => {
      masked[127]! ^= 0x8000_0000;
    }, countedBytes());
    for (let call = 0; call < 40; call++) await masks.add(wordsOf(128), masksOf(1));
    expect(faults.length).toBe(1);
  });

  test('is as short as the words end', async () => {
    const { masks, faults } = await onWatched();
    for (let cols = 1; cols < 20; cols++) await masks.add(wordsOf(cols), masksOf(2));
    expect(faults).toEqual([]);
  });
});

describe('dispatches', () => {
  const cols = 16 * 64 * 8 - 5;
  const blocks = 16 * 4;

  /** Masks on a backend of eight shards, of which what comes home is changed. */
  async function onEight(
    change: (masked: Uint32Array, dispatches: readonly ColumnRange[]) => void,
    random: (length: number) => Uint8Array,
  ) {
    // A shard takes the row, the next one, and its result: 12 bytes a column.
    const eight = await createBackend('reference', { memory: 12 * 16 * 64 });
    const dispatches: ColumnRange[] = [];
    const { backend } = watched(eight, (masked) => change(masked, dispatches));
    const hearing: MaskBackend = {
      ...backend,
      addMasks: (x, given) => {
        const onDispatch = (columns: ColumnRange): void => {
          dispatches.push(columns);
          given.onDispatch?.(columns);
        };
        return addMasks(x, { ...given, onDispatch });
      },
    };
    const faults: MaskFault[] = [];
    const onFault = (fault: MaskFault): void => {
      faults.push(fault);
    };
    return { masks: backendMasks(hearing, { randomBytes: random, onFault }), faults, dispatches };
  }

  test('are each looked at: one that is wrong throughout is always found', async () => {
    const x = wordsOf(cols);
    const want = await referenceMasks().add(x, masksOf(3));
    const random = countedBytes();
    for (let wrong = 0; wrong < 8; wrong++) {
      const { masks, faults, dispatches } = await onEight((masked, all) => {
        const { from, to } = all[wrong]!;
        // A word of each block, such as one that a wrong key gives.
        for (let j = from + (wrong % 11); j < to; j += 16) masked[j]! ^= 1 << wrong;
      }, random);
      expectSameWords(await masks.add(x, masksOf(3)), want);
      expect(faults).toMatchObject([{ kind: 'wrong' }]);
      expect(dispatches.length).toBe(8);
    }
  });

  test('with one flipped word are found as often as its block is drawn', async () => {
    const x = wordsOf(cols);
    const random = countedBytes();
    let found = 0;
    const rounds = 400;
    for (let round = 0; round < rounds; round++) {
      const { masks, faults } = await onEight((masked) => {
        masked[5 * 1024 + 16 * 7 + 3]! ^= 1;
      }, random);
      await masks.add(x, masksOf(1));
      found += faults.length;
    }
    // 400 draws of one of 64 blocks: 6.25 in the mean, with a standard deviation of 2.5; four of them.
    expect(blocks).toBe(64);
    expect(Math.abs(found - rounds / blocks)).toBeLessThan(10);
    expect(found).toBeGreaterThan(0);
  });

  test('are done when it is drawn where they are looked at', async () => {
    let isHome = false;
    const { masks } = await onEight(
      () => {
        isHome = true;
      },
      (length) => {
        expect(isHome).toBe(true);
        isHome = false;
        return randomBytes(length);
      },
    );
    await masks.add(wordsOf(cols), masksOf(1030));
    expect(isHome).toBe(false);
  });

  test('that nobody tells of count as one', async () => {
    const backend = await createBackend('reference');
    const silent: MaskBackend = {
      ...watched(backend, (masked) => masked.fill(0)).backend,
      addMasks: (x, { keys, signs }) => addMasks(x, { keys, signs }),
    };
    const faults: MaskFault[] = [];
    const onFault = (fault: MaskFault): void => {
      faults.push(fault);
    };
    await backendMasks(silent, { randomBytes, onFault }).add(wordsOf(100), masksOf(2));
    expect(faults.length).toBe(1);
  });
});

describe('after a fault', () => {
  test('the backend is asked no more', async () => {
    const { masks, faults, given } = await onWatched((masked) => masked.fill(0));
    const x = wordsOf(100);
    await masks.add(x, masksOf(2));
    expectSameWords(await masks.add(x, masksOf(5)), await referenceMasks().add(x, masksOf(5)));
    expect(given.length).toBe(1);
    expect(faults.length).toBe(1);
    expect(faults[0]!.message).toMatch(/^CPU, JavaScript f64: block \d+ of masks is not what/);
  });

  test.each(['device-lost', 'out-of-memory', 'failed'] as const)(
    'of the kind %s masks are made by the fallback',
    async (code) => {
      const { masks, faults } = await onWatched(() => {
        throw new BackendError(code, 'injected');
      });
      const x = wordsOf(100);
      expectSameWords(await masks.add(x, masksOf(2)), await referenceMasks().add(x, masksOf(2)));
      expect(faults).toEqual([
        { fault: true, kind: 'failed', message: 'CPU, JavaScript f64: injected' },
      ]);
    },
  );

  test('a fallback of the caller’s takes over', async () => {
    let calls = 0;
    const backend = watched(await createBackend('reference'), (masked) => masked.fill(0)).backend;
    const fallback: Masks = {
      add: async (words, masks) => {
        calls++;
        return nativeMasks().add(words, masks);
      },
    };
    const masks = backendMasks(backend, { randomBytes, fallback });
    const x = wordsOf(64);
    expectSameWords(await masks.add(x, masksOf(2)), await referenceMasks().add(x, masksOf(2)));
    expect(calls).toBe(1);
  });

  test('a mistake of the program’s and a closed backend are none', async () => {
    const backend = await createBackend('wasm');
    const faults: MaskFault[] = [];
    const masks = backendMasks(backend, { randomBytes, onFault: (fault) => faults.push(fault) });
    await backend.close();
    await expect(masks.add(wordsOf(5), masksOf(1))).rejects.toMatchObject({ code: 'closed' });
    expect(faults).toEqual([]);
  });
});

describe('keys', () => {
  test('that a backend was given are overwritten, and released', async () => {
    const { masks, given, released } = await onWatched();
    await masks.add(wordsOf(20), masksOf(3));
    expect(given.map(({ keys }) => [...new Set(keys)])).toEqual([[0]]);
    expect(released.length).toBe(1);
    const failing = await onWatched(() => {
      throw new BackendError('failed', 'injected');
    });
    await failing.masks.add(wordsOf(20), masksOf(3));
    expect(failing.released.length).toBe(1);
  });

  test('of the caller’s stay as they are', async () => {
    const { masks } = await onWatched();
    const given = masksOf(3);
    await masks.add(wordsOf(20), given);
    expect(given).toEqual(masksOf(3));
  });

  test('that are many go in calls of 1024', async () => {
    const { masks, given } = await onWatched();
    const x = wordsOf(20);
    const got = await masks.add(x, masksOf(2050));
    expect(given.map(({ signs }) => signs.length)).toEqual([1024, 1024, 2]);
    expectSameWords(got, await referenceMasks().add(x, masksOf(2050)));
  });
});

test('streams need not lie where words can be seen', async () => {
  const stream = (bytes: number): Uint8Array =>
    Uint8Array.from({ length: bytes + 1 }, (_, i) => i).subarray(1);
  const masks = masksBy((_, { bytes }) => stream(bytes));
  const [mask] = masksOf(1);
  expect([...(await masks.add(Uint32Array.of(1, 2), [mask!]))]).toEqual([
    0x04030201 + 1,
    0x08070605 + 2,
  ]);
});
