import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, Matrix, Ops, Regime, Work } from '../../../src/backend/kernels.ts';
import { shaders as secureShaders } from '../../../src/backend/secure/shaders.gen.ts';
import { shaders as noiseShaders } from '../../../src/backend/simulated/shaders.gen.ts';
import { findNodeGpu } from '../../../src/backend/webgpu/adapter-node.ts';
import {
  filled,
  type KernelSource,
  Session,
  type Slots,
} from '../../../src/backend/webgpu/device.ts';
import {
  nearestSlots,
  streamSlots,
  sumSlots,
  windowSlots,
} from '../../../src/backend/webgpu/network-text.ts';
import { regimeFor, splitShape, streamChunk } from '../../../src/backend/webgpu/regimes.ts';
import { type ShaderName, shaders } from '../../../src/backend/webgpu/shaders.gen.ts';
import { splitSlots } from '../../../src/backend/webgpu/split-text.ts';
import { noise } from '../parity.ts';

const COLS = 41;

/** Columns of what tempts a kernel to err: ties, zeros of either sign, no numbers, all sizes. */
function temptingRows(rows: number): Float32Array[] {
  const next = noise(rows);
  const special = [0, -0, Number.NaN, Infinity, -Infinity, 3e38, -3e38, 1e-40, -1e-40, 2e-45, 1];
  const entry = (j: number): number => {
    const value = next();
    if (j < 6) return Math.round(value);
    if (j < 16) return special[Math.floor(Math.abs(value) * 1e5) % special.length]!;
    if (j < 21) return value * 1e-38;
    if (j < 26) return value * 1e38;
    // Values of two sizes: what is scaled by the larger must not lose the smaller where it is kept.
    if (j < 31) return next() > 0.8 ? value * 1e38 : value * 1e-37;
    if (j < 33) return 3.3e38 - Math.abs(value) * 1e37;
    return value;
  };
  return Array.from({ length: rows }, () =>
    Float32Array.from({ length: COLS }, (_, j) => entry(j)),
  );
}

/** As values, not as JavaScript orders them: −0 before 0, NaN last. */
function sorted(rows: readonly Float32Array[], j: number): Float32Array {
  return Float32Array.from(rows, (row) => row[j]!).sort();
}

function word(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

const backends = new Map<string, Promise<Backend>>();
function backendFor(name: 'reference' | Regime): Promise<Backend> {
  const made =
    backends.get(name) ??
    (name === 'reference' ? createBackend(name) : createBackend('webgpu', { regime: name }));
  backends.set(name, made);
  return made;
}
afterAll(async () => {
  for (const made of backends.values()) await (await made).close();
});

/** Holds a window in a regime to the reference; the entries of a single rank bit for bit. */
async function expectParity(
  regime: Regime,
  { n, from, to }: { n: number; from: number; to: number },
): Promise<void> {
  const rows = temptingRows(n);
  const op = (ops: Ops): Matrix => ops.rankMean(ops.matrix(rows), from, to);
  const [backend, meaning] = [await backendFor(regime), await backendFor('reference')];
  expect(backend.explain(op(backend))).toEqual([`rankMean (${regime})`]);
  const [got, want] = [await backend.read(op(backend)), await meaning.read(op(meaning))];
  for (let j = 0; j < COLS; j++) {
    const kept = sorted(rows, j).slice(from, to);
    const size = kept.reduce((sum, value) => sum + Math.abs(value), 0) / kept.length;
    // Values are added exactly but for two roundings of fours of them, and one of the mean.
    const bound = 3.01 * 2 ** -24 * size + 2 ** -149;
    const right =
      to - from === 1
        ? word(got[j]!) === word(want[j]!)
        : Object.is(got[j]! + 0, want[j]! + 0) || Math.abs(got[j]! - want[j]!) <= bound;
    if (!right) expect.fail(`${n} rows, column ${j} must be ${want[j]}, got ${got[j]}`);
  }
}

const trimmed = (n: number, b: number): [number, number] => [b, n - b];
const rank = (r: number): [number, number] => [r, r + 1];

describe('a window forced into a regime agrees with the reference', () => {
  test.each([
    [32, trimmed(32, 8)],
    [33, rank(16)],
    [64, trimmed(64, 8)],
    [65, [20, 45]],
    [128, rank(64)],
  ] as [number, [number, number]][])('network: %i rows, ranks [%s)', async (n, [from, to]) => {
    await expectParity('network', { n, from, to });
  });

  test.each([
    [32, trimmed(32, 8)],
    [33, [9, 30]],
    [64, [0, 60]],
    [65, trimmed(65, 32)],
    [100, trimmed(100, 0)],
    [128, trimmed(128, 8)],
    [129, trimmed(129, 9)],
    [1024, [3, 1019]],
    [1025, trimmed(1025, 32)],
  ] as [number, [number, number]][])('stream: %i rows, ranks [%s)', async (n, [from, to]) => {
    await expectParity('stream', { n, from, to });
  });

  test.each([
    [1, rank(0)],
    [65, [20, 61]],
    [129, rank(64)],
    [128, trimmed(128, 33)],
    [257, [120, 257]],
    [1024, trimmed(1024, 300)],
  ] as [number, [number, number]][])('split: %i rows, ranks [%s)', async (n, [from, to]) => {
    await expectParity('split', { n, from, to });
  });

  test.each([
    [1, rank(0)],
    [32, trimmed(32, 8)],
    [129, rank(64)],
    [1024, trimmed(1024, 33)],
    [1025, trimmed(1025, 33)],
  ])('search: %i rows, ranks [%s)', async (n, [from, to]) => {
    await expectParity('search', { n, from, to });
  });

  test.each(['stream', 'split'] as const)(
    '%s: two runs and two shards give the same bits',
    async (regime) => {
      const rows = temptingRows(66).map((row) =>
        Float32Array.from({ length: 700 }, (_, j) => row[j % COLS]! * (1 + j)),
      );
      const backend = await backendFor(regime);
      const mean = (part: Float32Array[]): Promise<Float32Array> =>
        backend.read(backend.rankMean(backend.matrix(part), 9, 57));
      const whole = await mean(rows);
      expect(new Uint32Array((await mean(rows)).buffer)).toEqual(new Uint32Array(whole.buffer));
      const cut = 333;
      const parts = [
        ...(await mean(rows.map((row) => row.slice(0, cut)))),
        ...(await mean(rows.map((row) => row.slice(cut)))),
      ];
      expect(new Uint32Array(Float32Array.from(parts).buffer)).toEqual(
        new Uint32Array(whole.buffer),
      );
    },
  );
});

describe('the nearest values, in either regime', () => {
  test.each([
    ['network', 33],
    ['network', 65],
    ['network', 128],
    ['search', 65],
    ['search', 129],
  ] as [Regime, number][])(
    '%s: one of %i rows is the same, among values of all sizes',
    async (regime, n) => {
      const rows = temptingRows(n);
      const centers = [...rows[0]!].map((value, j) => (j % 3 === 0 ? value * 1.25 : value));
      const op = (ops: Ops): Matrix =>
        ops.nearestMean(ops.matrix(rows), ops.matrix([Float32Array.from(centers)]), 1);
      const [backend, meaning] = [await backendFor(regime), await backendFor('reference')];
      expect(backend.explain(op(backend))).toEqual([`nearestMean (${regime})`]);
      const [got, want] = [await backend.read(op(backend)), await meaning.read(op(meaning))];
      expect([...got].map(word)).toEqual([...want].map(word));
    },
  );

  test('tiny values are told apart beside one of 3e38', async () => {
    const column = [2 ** -126, 1.2 * 2 ** -126, 3e38, 2 ** -149];
    for (const [center, nearest] of [
      [1.25 * 2 ** -126, 1.2 * 2 ** -126],
      [2 ** -148, 2 ** -149],
    ] as const) {
      for (const regime of ['network', 'search'] as const) {
        const ops = await backendFor(regime);
        const x = ops.matrix(column.map((value) => Float32Array.of(value)));
        const got = await ops.read(ops.nearestMean(x, ops.matrix([Float32Array.of(center)]), 1));
        expect([...got]).toEqual([Math.fround(nearest)]);
      }
    }
  });
});

test('a kernel that is asked for twice at once is compiled once', async () => {
  const found = await findNodeGpu({ software: true });
  const device = await found!.adapter.requestDevice();
  const session = new Session({ device });
  const kernel = (to: number): KernelSource => ({
    name: 'rank_mean',
    bindings: ['read', 'read', 'write', 'uniform'],
    slots: () => windowSlots(3, 0, to),
    variant: `3 0 ${to}`,
  });
  expect(session.pipeline(kernel(2))).toBe(session.pipeline(kernel(2)));
  expect(session.pipeline(kernel(2))).not.toBe(session.pipeline(kernel(3)));
  await Promise.all([session.pipeline(kernel(2)), session.pipeline(kernel(3))]);
  device.destroy();
});

describe('the choice', () => {
  const rankMean = (rows: number, b: number): Work => ({
    op: 'rankMean',
    rows,
    from: b,
    to: rows - b,
  });
  const choose = (work: Work, forced?: Regime): Regime =>
    regimeFor(work, { software: false, forced });

  test.each([
    [rankMean(64, 31), 'network'],
    [rankMean(65, 32), 'stream'],
    [rankMean(67, 33), 'split'],
    [rankMean(10_000, 32), 'stream'],
    [rankMean(1024, 33), 'split'],
    [rankMean(1025, 33), 'search'],
    [{ op: 'nearestMean', rows: 128, count: 9 }, 'network'],
    [{ op: 'nearestMean', rows: 129, count: 9 }, 'search'],
  ] as [Work, Regime][])('for %o is %s', (work, regime) => {
    expect(choose(work)).toBe(regime);
  });

  test('is overridden only by a way that can do the work', () => {
    expect(choose(rankMean(65, 33 - 1), 'search')).toBe('search');
    expect(choose(rankMean(128, 5), 'network')).toBe('network');
    expect(choose(rankMean(129, 5), 'network')).toBe('stream');
    expect(choose(rankMean(67, 33), 'stream')).toBe('split');
    expect(choose(rankMean(1025, 5), 'split')).toBe('stream');
    expect(choose({ op: 'nearestMean', rows: 5, count: 2 }, 'split')).toBe('network');
  });

  test('refuses a way that there is not', async () => {
    const made = createBackend('webgpu', { regime: 'sort' as Regime });
    await expect(made).rejects.toThrow('regime must be one of network, stream, split, search');
  });

  test('spares an emulated GPU what takes its compiler long', () => {
    const choose = (work: Work): Regime => regimeFor(work, { software: true });
    expect(choose(rankMean(200, 50))).toBe('search');
    expect(choose({ op: 'nearestMean', rows: 65, count: 9 })).toBe('search');
    expect(choose(rankMean(65, 32))).toBe('stream');
  });
});

test('every kernel, in every variant, is compiled without a warning', async () => {
  const found = await findNodeGpu({ software: true });
  const device = await found!.adapter.requestDevice();
  const split = (n: number, from: number, to: number, software: boolean): Slots =>
    splitSlots({ ...splitShape(n, software), rows: n, from, to });
  const stream = (n: number, low: number, high: number): Slots =>
    streamSlots({ low, high, chunk: streamChunk(n, low, n - high) });
  const variants: [ShaderName, Slots][] = [
    ...[1, 2, 5, 64, 128].map((n): [ShaderName, Slots] => ['rank_mean', windowSlots(n, 0, n)]),
    ['rank_mean', windowSlots(64, 31, 32)],
    ['rank_mean_stream', stream(65, 0, 0)],
    ['rank_mean_stream', stream(65, 32, 32)],
    ['rank_mean_stream', stream(1000, 3, 0)],
    ['rank_mean_split', split(65, 0, 65, true)],
    ['rank_mean_split', split(200, 100, 101, false)],
    ['rank_mean_split', split(1024, 400, 600, false)],
    ['nearest_mean', nearestSlots(1, 1)],
    ['nearest_mean', nearestSlots(64, 32)],
    ...[1, 5, 128].map((n): [ShaderName, Slots] => ['rank_sum', sumSlots(n, 0, n)]),
    ['rank_sum', sumSlots(64, 31, 32)],
  ];
  const generated = new Set(variants.map(([name]) => name));
  const plain = (Object.keys(shaders) as ShaderName[]).filter((name) => !generated.has(name));
  const brought = Object.entries({ ...secureShaders, ...noiseShaders }).map(([name, text]) => ({
    name,
    text,
  }));
  expect(brought.length).toBeGreaterThan(0);
  for (const [kernel, slots] of [
    ...variants.map(([name, slots]) => [{ name }, slots] as const),
    ...[...plain.map((name) => ({ name })), ...brought].map((kernel) => [kernel, {}] as const),
  ]) {
    const { name } = kernel;
    const code = filled(kernel, slots);
    expect(code, name).not.toContain('undefined');
    const info = await device.createShaderModule({ label: name, code }).getCompilationInfo();
    expect(
      info.messages.map(({ message }) => message),
      name,
    ).toEqual([]);
  }
  device.destroy();
});
