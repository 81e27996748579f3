import { describe, expect, test, vi } from 'vitest';
import { Engine } from '../../../src/backend/engine.ts';
import type { Regime, Tile, TileKernels } from '../../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../../src/backend/reference/reference.ts';
import { arrayRow } from '../../../src/backend/rows.ts';
import { readPacked, unpackWords } from '../../../src/backend/secure/pack.ts';
import type { Job, Team } from '../../../src/backend/wasm/job.ts';
import { kernelModule } from '../../../src/backend/wasm/module.ts';
import { networkProgram } from '../../../src/backend/wasm/network-program.ts';
import { Runner } from '../../../src/backend/wasm/runner.ts';
import { Slabs } from '../../../src/backend/wasm/slabs.ts';
import { WasmKernels } from '../../../src/backend/wasm/wasm.ts';
import { noise, randomRows } from '../parity.ts';

const reference = new ReferenceKernels();

type Operation = (kernels: TileKernels, x: Tile) => Promise<Tile>;

/** What an operation gives on rows in memory, as words. */
async function wordsOf(
  kernels: TileKernels,
  rows: Float32Array[],
  op: Operation,
): Promise<Uint32Array> {
  const x = await kernels.upload(rows.map(arrayRow), 0, rows[0]!.length);
  return new Uint32Array((await kernels.read(await op(kernels, x))).slice().buffer);
}

const CANONICAL_NAN = 0x7fc00000;

function isNaNWord(word: number): boolean {
  return (word & 0x7fffffff) > 0x7f800000;
}

/** Words of the reference, NaN of any kind as the one that kernels give. */
async function meaning(rows: Float32Array[], op: Operation): Promise<Uint32Array> {
  return (await wordsOf(reference, rows, op)).map((w) => (isNaNWord(w) ? CANONICAL_NAN : w));
}

function floats(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer);
}

/** Values at every edge of f32, as words: NaN of both signs, infinities, zeros, subnormals, 3e38. */
const EDGES = [
  0x7fc00000, 0xffc00001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7f800000, 0xff800000, 0x80000000, 0,
  1, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x7f61b1e6, 0xff61b1e6, 0x7f7fffff, 0xff7fffff,
];

/**
 * Rows of noise, with ties in every third column, edges in one entry of eight of every other, and
 * columns of nothing but finite edges.
 */
function edgyRows(n: number, cols: number): Float32Array[] {
  const next = noise(n * 13 + 1);
  const pick = (count: number): number => Math.floor(Math.abs(next()) * 1000) % count;
  const finite = EDGES.filter((word) => (word & 0x7f800000) !== 0x7f800000);
  return Array.from({ length: n }, () => {
    const row = Float32Array.from({ length: cols }, (_, j) =>
      j % 3 === 0 ? Math.round(next()) : next(),
    );
    const words = new Uint32Array(row.buffer);
    for (let j = 0; j < cols; j++) {
      if (j % 2 === 1 && pick(8) === 0) words[j] = EDGES[pick(EDGES.length)]!;
      if (j % 8 === 4) words[j] = finite[pick(finite.length)]!;
    }
    return row;
  });
}

/** The largest f32 in place of an infinity. */
function clip(value: number): number {
  return Math.max(-3.4028234663852886e38, Math.min(3.4028234663852886e38, value));
}

/** Σ|x| of the finite entries of each column. */
function columnSizes(rows: Float32Array[]): number[] {
  return Array.from(rows[0]!, (_, j) => {
    const finite = rows.map((row) => row[j]!).filter(Number.isFinite);
    return finite.reduce((sum, value) => sum + Math.abs(value), 0);
  });
}

/** The center is a row of its own, so that it meets every edge, too. */
const nearestTo =
  (center: Float32Array, count: number): Operation =>
  async (kernels, x) =>
    kernels.nearestMean(x, await kernels.upload([arrayRow(center)], 0, center.length), count);

const boundaries = [1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025];

describe.each(['network', 'search'] as const)('order statistics by %s', (regime) => {
  for (const n of boundaries) {
    const cols = n > 1000 ? 50 : 203;
    const rows = edgyRows(n, cols);
    const center = edgyRows(3, cols)[2]!;

    test(`${n} rows: selected values are those of the reference to the bit`, async () => {
      const kernels = await WasmKernels.create({ regime });
      const ops: [string, Operation][] = [
        ...[...new Set([0, n >> 2, n >> 1, n - 1])].map((rank): [string, Operation] => [
          `rank ${rank}`,
          (k, x) => k.rankMean(x, rank, rank + 1),
        ]),
        ['the nearest', nearestTo(center, 1)],
      ];
      for (const [name, op] of ops) {
        expect(await wordsOf(kernels, rows, op), name).toEqual(await meaning(rows, op));
      }
    });

    test(`${n} rows: means err by the last bit of what they add`, async () => {
      const kernels = await WasmKernels.create({ regime });
      const sizes = columnSizes(rows);
      const inner = n >> 2;
      const ops: [string, Operation][] = [
        ['all', (k, x) => k.rankMean(x, 0, n)],
        ['inner half', (k, x) => k.rankMean(x, inner, n - inner)],
        ['nearest half', nearestTo(center, Math.ceil(n / 2))],
        ['nearest but one', nearestTo(center, Math.max(1, n - 1))],
      ];
      for (const [name, op] of ops) {
        const got = floats(await wordsOf(kernels, rows, op));
        const want = floats(await meaning(rows, op));
        for (const [j, value] of want.entries()) {
          // Both add in f64, in orders of their own (a last place for each term, of Σ|x|), and round
          // once, to neighbours at worst: a last place of the result.
          const size = Number.isFinite(value) ? sizes[j]! : 0;
          const allowed = 2 ** -23 * Math.abs(value) + n * 2 ** -52 * size + 2 ** -149;
          const right = Object.is(got[j], value) || Math.abs(got[j]! - value) <= allowed;
          if (!right) expect.fail(`${name}, column ${j} must be ${value}, got ${got[j]}`);
        }
      }
    });
  }

  test('the means of a network are those of the reference to the bit', async () => {
    if (regime !== 'network') return;
    const kernels = await WasmKernels.create();
    const rows = edgyRows(100, 301);
    const op: Operation = (k, x) => k.rankMean(x, 8, 92);
    expect(await wordsOf(kernels, rows, op)).toEqual(await meaning(rows, op));
  });
});

describe('which way', () => {
  const rankMean = (rows: number) => ({ op: 'rankMean', rows, from: 0, to: 1 }) as const;

  test('networks to 1024 rows, search beyond', async () => {
    const kernels = await WasmKernels.create();
    expect(kernels.regimeOf(rankMean(1024))).toBe('network');
    expect(kernels.regimeOf(rankMean(1025))).toBe('search');
  });

  test('may be forced where it can do the work', async () => {
    const ways: [Regime, number, string][] = [
      ['search', 3, 'search'],
      ['network', 3, 'network'],
      ['network', 5000, 'search'],
      ['stream', 3, 'network'],
      ['split', 2000, 'search'],
    ];
    for (const [regime, rows, way] of ways) {
      expect((await WasmKernels.create({ regime })).regimeOf(rankMean(rows))).toBe(way);
    }
  });
});

describe('operations without an order', () => {
  const rows = edgyRows(9, 4500);
  const ops: [string, Operation][] = [
    ['signSum', (k, x) => k.signSum(x)],
    ['deviation', (k, x) => k.deviation(x)],
    [
      'combine of many, some of few rows',
      (k, x) =>
        k.combine(
          Array.from({ length: 11 }, (_, a) =>
            Array.from({ length: 9 }, (_, i) =>
              a < 6 ? Math.sin(a * 9 + i) : Number(i === a - 6),
            ),
          ),
          x,
        ),
    ],
    [
      'combine with weights beyond f64',
      (k, x) =>
        k.combine(
          [[1e300, -1e300, Number.MAX_VALUE, 0, 0, 0, Number.MIN_VALUE, 1, 0], Array(9).fill(0)],
          x,
        ),
    ],
  ];

  test.each(ops)('%s is that of the reference to the bit', async (_, op) => {
    const kernels = await WasmKernels.create();
    expect(await wordsOf(kernels, rows, op)).toEqual(await meaning(rows, op));
  });

  const spread = 2 ** 19;
  const sums: [string, number[]][] = [
    ['equal', Array(9).fill(1 / 9)],
    ['of either sign, some 0', [1, -2, 0.5, 3, 0, 0, 1e-3, 1, 1]],
    ['of one row', [0, 0, 0, 0, -7, 0, 0, 0, 0]],
    ['that are all 0', Array(9).fill(0)],
    ['as far apart as f32 admits', [1, spread, 1, -spread, 1, 1, 1, 1, 1]],
    ['farther apart', [1, 2 * spread, 1, -spread, 1, 1, 1, 1, 1]],
    ['that are large', [1e30, -1e30, 1e29, 1e30, 1e30, 1e30, 1e30, 1e30, 1e30]],
    ['that are small', [1e-38, 1e-40, 1e-38, 1e-38, 1e-38, -1e-38, 1e-38, 1e-38, 1e-39]],
    ['beyond f32', [1e200, 1e200, -1e200, 0, 0, 0, 0, 0, 1e200]],
  ];

  test.each(sums)(
    'one sum with weights %s errs by the rounding of its terms',
    async (_, weights) => {
      const kernels = await WasmKernels.create();
      const op: Operation = (k, x) => k.combine([weights], x);
      const got = floats(await wordsOf(kernels, rows, op));
      const want = floats(await meaning(rows, op));
      for (const [j, value] of want.entries()) {
        const terms = rows.flatMap((row, i) => (weights[i] === 0 ? [] : [weights[i]! * row[j]!]));
        const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
        // Each term is rounded as a weight, as a product and in two sums, the result on either side once
        // more, and beyond the range where that is near. What is infinite or NaN is so.
        const allowed = Number.isFinite(size) ? 6 * 2 ** -24 * size + 2 ** -149 : 0;
        const near = Math.abs(clip(got[j]!) - clip(value)) <= allowed;
        const right = Object.is(got[j], value) || (allowed > 0 && near);
        if (!right) expect.fail(`column ${j} must be ${value} ± ${allowed}, got ${got[j]}`);
      }
    },
  );

  test('a row of weight 0 beside a group that wants it keeps its infinities to itself', async () => {
    const kernels = await WasmKernels.create();
    const data = [Float32Array.of(1), Float32Array.of(Number.POSITIVE_INFINITY)];
    const weights = [
      [1, 0],
      [1, 1],
      [2, 0],
      [3, 1],
    ];
    const op: Operation = (k, x) => k.combine(weights, x);
    expect([...floats(await wordsOf(kernels, data, op))]).toEqual([1, Infinity, 2, Infinity]);
  });
});

describe('pairs and screens', () => {
  // 2¹³ columns are more than are done in f64 altogether; not a whole number of chunks.
  const COLS = 2 ** 13 - 77;

  async function pairsOf(kernels: TileKernels, rows: Float32Array[]) {
    const x = await kernels.upload(rows.map(arrayRow), 0, rows[0]!.length);
    return (await kernels.pairs(x, 65_536))[0]!;
  }

  test.each([
    ['of one size', [1, 1, 1, 1, 1]],
    ['of sizes that leave f32 when squared', [1e-38, 1e-25, 1, 1e25, 3e37]],
    ['that vanish when squared', [1e-23, 1e-24, 1e-30, 1e-44, 0]],
  ])('rows %s have the distances of f64', async (_, scales) => {
    const rows = randomRows(5, COLS, 3).map((row, i) => row.map((value) => value * scales[i]!));
    const [got, want] = [
      await pairsOf(await WasmKernels.create(), rows),
      await pairsOf(reference, rows),
    ];
    for (let at = 0; at < 25; at++) {
      const distance = want.squaredDistances[at]!;
      // The kernel's own bound, 13 · 2⁻²⁴; products to the same part of the product of the norms.
      const bound = 13 * 2 ** -24;
      expect(Math.abs(got.squaredDistances[at]! - distance)).toBeLessThanOrEqual(bound * distance);
      const norm = (i: number): number => Math.sqrt(want.products[6 * i]!);
      const norms = norm(at % 5) * norm(Math.floor(at / 5));
      expect(Math.abs(got.products[at]! - want.products[at]!)).toBeLessThanOrEqual(bound * norms);
    }
  });

  test('rows that differ in one entry by a last bit are told apart, equal ones are not', async () => {
    const base = randomRows(1, COLS, 5)[0]!;
    const near = base.slice();
    near[4321]! += 2 ** -24;
    const step = near[4321]! - base[4321]!;
    const { squaredDistances } = await pairsOf(await WasmKernels.create(), [
      base,
      near,
      base.slice(),
    ]);
    expect(step).not.toBe(0);
    expect(squaredDistances[1]).toBe(step ** 2);
    expect(squaredDistances[2]).toBe(0);
  });

  test('more rows than have their sums held at once give the same pairs', async () => {
    const rows = randomRows(1100, 40, 6);
    const [got, want] = [
      await pairsOf(await WasmKernels.create(), rows),
      await pairsOf(reference, rows),
    ];
    for (const [at, distance] of want.squaredDistances.entries()) {
      // Both in f64, in different orders: a last place for each of 40 terms.
      const error = Math.abs(got.squaredDistances[at]! - distance);
      if (!(error <= 40 * 2 ** -52 * distance)) expect.fail(`pair ${at} is off by ${error}`);
    }
  });

  test('columns beyond 2³² keep their numbers', async () => {
    const kernels = await WasmKernels.create();
    const rows = randomRows(3, 100, 7).map(arrayRow);
    for (const firstCol of [2 ** 31 - 50, 2 ** 32 - 50, 3 * 2 ** 32]) {
      const [got] = await kernels.screen(await kernels.upload(rows, 0, 100), firstCol, 64);
      const [want] = await reference.screen(await reference.upload(rows, 0, 100), firstCol, 64);
      expect(got!.fingerprints).toEqual(want!.fingerprints);
    }
  });
});

describe('units', () => {
  test('of any width, in any order, give the same columns', async () => {
    const rows = edgyRows(40, 5000);
    const runner = new Runner(await kernelModule());
    const run = (unitCols: number): Float32Array => {
      const out = new Float32Array(5000);
      const work = { op: 'rankMean', from: 4, to: 36, program: networkProgram(40, 4, 36) } as const;
      const units = Math.ceil(5000 / unitCols);
      const job: Job = { work, rows, out: [out], cols: 5000, unitCols, units };
      for (let unit = units - 1; unit >= 0; unit--) runner.run(job, unit);
      return out;
    };
    const whole = run(5000);
    for (const unitCols of [1, 63, 64, 1000, 4999]) expect(run(unitCols)).toEqual(whole);
  });
});

/** A team on this thread that sees of a job only what crosses to another. */
class SoloTeam implements Team {
  readonly threads = 2;
  readonly #runner: Runner;
  jobs = 0;
  closed = false;

  constructor(module: WebAssembly.Module) {
    this.#runner = new Runner(module);
  }

  async run(job: Job): ReturnType<Team['run']> {
    this.jobs++;
    const theirs = structuredClone(job);
    return Array.from({ length: job.units }, (_, unit) => this.#runner.run(theirs, unit));
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

describe('with a team', () => {
  const rows = randomRows(6, 100_000, 9);

  test('large jobs go to it, and give what they give alone', async () => {
    const team = new SoloTeam(await kernelModule());
    await using together = new Engine(await WasmKernels.create({ team }));
    await using alone = new Engine(await WasmKernels.create());
    for (const engine of [together, alone]) expect(engine.info.name).toBe('wasm');
    expect(together.info.adapter).toBe('CPU, WASM SIMD, 2 threads');
    expect(alone.info.adapter).toBe('CPU, WASM SIMD, 1 thread');
    const [x, y] = [together.matrix(rows), alone.matrix(rows)];
    expect(await together.read(together.rankMean(x, 1, 5))).toEqual(
      await alone.read(alone.rankMean(y, 1, 5)),
    );
    const center = (e: Engine, m: typeof x) => e.nearestMean(m, e.rankMean(m, 2, 4), 4);
    expect(await together.read(center(together, x))).toEqual(await alone.read(center(alone, y)));
    expect(await together.pairs(x)).toEqual(await alone.pairs(y));
    expect(await together.screen(x)).toEqual(await alone.screen(y));
    // The screen in two groups of three rows, each as many entries as a job must have.
    expect(team.jobs).toBe(6);
  });

  test('many words are packed and unpacked by it, a few here', async () => {
    const team = new SoloTeam(await kernelModule());
    await using together = new Engine(await WasmKernels.create({ team }));
    await using alone = new Engine(await WasmKernels.create());
    for (const [cols, jobs] of [
      [1000, 0],
      [2 ** 19 + 33, 2],
    ] as const) {
      const x = Uint32Array.from({ length: cols }, (_, j) => Math.imul(j, 0x9e3779b9));
      const packed = await readPacked(together, together.words([x]), { bits: 19 });
      expect(packed).toEqual(await readPacked(alone, alone.words([x]), { bits: 19 }));
      const back = unpackWords([packed], { bits: 19, cols });
      expect(await together.readWords(back)).toEqual(x.map((word) => word & 0x7ffff));
      expect(team.jobs).toBe(jobs);
    }
  });

  test('rows in memory are used where they lie, small jobs stay here', async () => {
    const team = new SoloTeam(await kernelModule());
    const kernels = await WasmKernels.create({ team });
    const shared = rows.map((row) => {
      const copy = new Float32Array(new SharedArrayBuffer(row.byteLength));
      copy.set(row);
      return arrayRow(copy);
    });
    expect((await kernels.upload(shared, 0, 100_000)).bytes).toBe(0);
    expect((await kernels.upload(rows.map(arrayRow), 0, 100_000)).bytes).toBe(0);
    await kernels.signSum(await kernels.upload(shared, 0, 100));
    expect(team.jobs).toBe(0);
    await kernels.close();
    expect(team.closed).toBe(true);
  });
});

describe('tiles', () => {
  const rows = randomRows(3, 200, 10);

  test('rows in memory take none of their own; others are read once', async () => {
    const kernels = await WasmKernels.create();
    expect((await kernels.upload(rows.map(arrayRow), 10, 50)).bytes).toBe(0);
    const mixed = [arrayRow(rows[0]!), { cols: 200, read: arrayRow(rows[1]!).read }];
    const tile = await kernels.upload(mixed, 10, 50);
    expect(tile.bytes).toBe(4 * 40);
    const want = [...rows[0]!.subarray(10, 50), ...rows[1]!.subarray(10, 50)];
    expect([...(await kernels.read(tile))]).toEqual(want);
  });

  test('what is read may be written to', async () => {
    const kernels = await WasmKernels.create();
    const data = [Float32Array.of(1, 2)];
    const tile = await kernels.upload(data.map(arrayRow), 0, 2);
    (await kernels.read(tile)).fill(9);
    expect([...data[0]!]).toEqual([1, 2]);
    expect([...(await kernels.read(tile))]).toEqual([1, 2]);
  });

  test('an array that came home holds until the next but one', async () => {
    const kernels = await WasmKernels.create();
    const x = await kernels.upload(rows.map(arrayRow), 0, 200);
    const homes: Float32Array[] = [];
    for (const k of [0, 1, 2]) {
      const one = await kernels.combine([[0, 1, 2].map((i) => Number(i === k))], x);
      // What was computed since has taken other arrays.
      for (const [back, home] of homes.slice(-2).reverse().entries()) {
        expect([...home]).toEqual([...rows[k - 1 - back]!]);
      }
      homes.push(await kernels.read(one));
      kernels.free(one);
    }
  });

  test('a sum is computed where it is wanted', async () => {
    const kernels = await WasmKernels.create();
    const rows = randomRows(9, 100_000);
    const weights = [rows.map((_, i) => i - 4)];
    const x = await kernels.upload(rows.map(arrayRow), 0, 100_000);
    const expected = (await kernels.read(await kernels.combine(weights, x))).slice();
    const home = new Float32Array(100_000);
    expect(await kernels.read(await kernels.combine(weights, x, home))).toBe(home);
    expect(home).toEqual(expected);
    const engine = new Engine(kernels);
    const sum = engine.combine(weights, engine.matrix(rows));
    // Its sum is wanted, not that of the center it is measured from.
    const center = engine.nearestMean(engine.matrix(rows), sum, 1);
    expect(await engine.read(center)).toEqual(await engine.read(center, rows[8]!.slice()));
    expect(await engine.read(sum)).toEqual(expected);
    await engine.close();
  });

  test('memory that waits for its next use makes room where there is none', async () => {
    const slabs = new Slabs({ shared: true, spareBytes: 2 ** 20 });
    slabs.release(slabs.take(1000));
    let full = true;
    class Scarce extends SharedArrayBuffer {
      constructor(bytes: number) {
        if (full) {
          full = false;
          throw new RangeError('Array buffer allocation failed');
        }
        super(bytes);
      }
    }
    vi.stubGlobal('SharedArrayBuffer', Scarce);
    try {
      expect(slabs.take(5000).data.length).toBe(5000);
      full = true;
      vi.stubGlobal(
        'SharedArrayBuffer',
        class {
          constructor() {
            throw new RangeError('Array buffer allocation failed');
          }
        },
      );
      expect(() => slabs.take(5000)).toThrow('no room for 20000 bytes');
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('views keep what they look at until the last is freed', async () => {
    const kernels = await WasmKernels.create();
    const x = await kernels.upload(rows.map(arrayRow), 0, 200);
    const sum = await kernels.combine(
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      x,
    );
    const stacked = await kernels.stack(kernels.select(sum, [1]), x);
    kernels.free(sum);
    // Would take the freed array if it were free.
    await kernels.combine(
      [
        [5, 5, 5],
        [5, 5, 5],
      ],
      x,
    );
    expect([...(await kernels.read(stacked)).subarray(0, 200)]).toEqual([...rows[1]!]);
    expect(stacked).toMatchObject({ rows: 4, bytes: 0 });
  });

  test('a row that cannot be read leaves nothing behind', async () => {
    const kernels = await WasmKernels.create();
    const broken = { cols: 4, read: () => Promise.reject(new Error('gone')) };
    await expect(kernels.upload([broken], 0, 4)).rejects.toThrow('gone');
  });

  test('rows on a GPU are refused by number', async () => {
    const kernels = await WasmKernels.create();
    const row = { cols: 4, buffer: {} as GPUBuffer };
    await expect(
      kernels.upload([arrayRow(Float32Array.of(1, 2, 3, 4)), row], 0, 4),
    ).rejects.toThrow(new TypeError('row 1 lies on a GPU; the wasm backend reads memory'));
  });
});

test('a sum of very many rows', async () => {
  const kernels = await WasmKernels.create();
  const engine = new Engine(kernels);
  const rows = Array.from({ length: 130_000 }, () => Float32Array.of(1));
  const [sum] = await engine.read(
    engine.combine([Array(rows.length).fill(1)], engine.matrix(rows)),
  );
  expect(sum).toBe(130_000);
  await engine.close();
});
