/** The conformance run on fixtures: what passes, and that everything else fails. */

import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { type ConformanceOptions, runConformance } from '../../src/lab/conformance/conformance.ts';
import { openGoldenFile } from '../../src/lab/conformance/golden-files.ts';
import { type GoldenFixture, writeGolden } from '../support/golden.ts';

const backend = await createBackend('reference');
afterAll(() => backend.close());

async function run(fixture: GoldenFixture, options: ConformanceOptions = {}) {
  await using golden = await writeGolden(fixture);
  return await runConformance([await openGoldenFile(golden.file)], backend, options);
}

/** The outcome of one case that asks for the mean (2, 20) of the fixture's rows. */
async function outcome(
  fields: Readonly<Record<string, unknown>>,
  fixture: Omit<GoldenFixture, 'cases'> = {},
) {
  return (await run({ ...fixture, cases: [fields] })).cases[0]!;
}

const values = (...numbers: unknown[]) => ({ expected: { values: numbers } });

describe('comparison', () => {
  test('passes up to the tolerance, and measures the error in units of it', async () => {
    expect(await outcome(values(2, 20))).toMatchObject({ ok: true, worst: 0 });
    expect(await outcome(values(2, 20.25))).toMatchObject({ ok: true, worst: 0.5 });
    expect(await outcome(values(2, 20.5))).toMatchObject({ ok: true, worst: 1 });
    expect(await outcome(values(3, 20))).toMatchObject({ ok: false, worst: 2 });
  });

  test('adds rel · |expected| to abs', async () => {
    const tol = { abs: 1, rel: 0.125 };
    // 4 off, allowed 1 + 0.125 · 24 = 4; the other way 1 + 0.125 · 16 = 3.
    expect(await outcome({ ...values(2, 24), tol })).toMatchObject({ ok: true, worst: 1 });
    expect(await outcome({ ...values(2, 16), tol })).toMatchObject({ ok: false });
  });

  test('takes a tolerance for each entry from a pack', async () => {
    const tol = { abs_per_element: pack('tol.f32', 'f32', 0, 2), rel: 0 };
    const tolerances = [0.25, 4];
    expect(await outcome({ ...values(2, 23), tol }, { tolerances })).toMatchObject({ worst: 0.75 });
    expect(await outcome({ ...values(3, 20), tol }, { tolerances })).toMatchObject({
      ok: false,
      worst: 4,
    });
  });

  test('needs equality where the tolerance is 0, and lets −0 be 0', async () => {
    const tol = { abs: 0, rel: 0 };
    expect(await outcome({ ...values(2, 20), tol })).toMatchObject({ ok: true });
    expect(await outcome({ ...values(2, 20.0001), tol })).toMatchObject({
      ok: false,
      worst: Infinity,
    });
    const zero = { rows: [[0, -0]] };
    expect(await outcome({ ...values(-0, 0), tol }, zero)).toMatchObject({ ok: true, worst: 0 });
  });

  test('meets what is not finite exactly, however wide the tolerance', async () => {
    const tol = { abs: 1e300, rel: 1 };
    expect(await outcome({ ...values('Infinity', 20), tol })).toMatchObject({ ok: false });
    expect(await outcome({ ...values('NaN', 20), tol })).toMatchObject({ ok: false });
    const infinite = { rows: [[Number.NEGATIVE_INFINITY, 20]] };
    expect(await outcome({ ...values('-Infinity', 20), tol }, infinite)).toMatchObject({
      ok: true,
    });
    expect(await outcome({ ...values('Infinity', 20), tol }, infinite)).toMatchObject({
      ok: false,
    });
    expect(await outcome({ ...values(2, 20), tol }, infinite)).toMatchObject({ ok: false });
    const undefinedMean = { rows: [[Number.NaN, 20]] };
    expect(await outcome({ ...values(2, 20), tol }, undefinedMean)).toMatchObject({ ok: false });
  });

  test('is content with one alternative, but not with parts of several', async () => {
    const alternatives = [{ values: [9, 20] }, { values: [2, 20] }];
    expect(await outcome({ ...values(7, 7), alternatives })).toMatchObject({ ok: true });
    const halves = [{ values: [2, 7] }, { values: [7, 20] }];
    expect(await outcome({ ...values(7, 7), alternatives: halves })).toMatchObject({ ok: false });
  });

  test('leaves ignored columns and rows out, and no others', async () => {
    expect(await outcome({ ...values(2, 99), ignore: [1] })).toMatchObject({ ok: true });
    expect(await outcome({ ...values(2, 99), ignore: [0] })).toMatchObject({ ok: false });
    const clip = { rule: 'clipping', params: { c: 100 }, shape: [3, 2] };
    const off = values(1, 10, 99, 99, 5, 30);
    expect(await outcome({ ...clip, ...off, ignore_rows: [1] })).toMatchObject({ ok: true });
    expect(await outcome({ ...clip, ...off, ignore_rows: [0] })).toMatchObject({ ok: false });
  });

  test('fails a result of another shape, and says so', async () => {
    expect(await outcome({ expected: { values: [2, 20, 2, 20] }, shape: [2, 2] })).toEqual({
      id: 'case#0',
      rule: 'mean',
      class: 'normal',
      ok: false,
      worst: null,
      reason: 'the result must be 2×2, got 1×2',
    });
  });

  test('fails a rule that refuses the case, with its message', async () => {
    const krum = { rule: 'krum', params: { f: 9, neighbours: 'n-f-1' } };
    expect(await outcome({ ...krum, ...values(1, 10) })).toMatchObject({
      ok: false,
      worst: null,
      reason: expect.stringMatching(/krum needs n/),
    });
  });
});

const pack = (file: string, dtype: string, offset: number, count: number) => ({
  file,
  dtype,
  offset,
  count,
});

describe('references', () => {
  test('numbers of a pack, from the right place', async () => {
    const expected = [7, 2, 20, 7];
    const right = { expected: pack('expected.f64', 'f64', 8, 2) };
    const wrong = { expected: pack('expected.f64', 'f64', 16, 2) };
    expect(await outcome(right, { expected })).toMatchObject({ ok: true, worst: 0 });
    expect(await outcome(wrong, { expected })).toMatchObject({ ok: false });
  });

  test('the mean of rows', async () => {
    expect(await outcome({ expected: { rows: [0, 1, 2] } })).toMatchObject({ ok: true, worst: 0 });
    expect(await outcome({ expected: { rows: [0, 2] } })).toMatchObject({ ok: false });
  });

  test('the weighted mean of rows, weights by row named or by row of the input', async () => {
    const weighted = { rule: 'weighted_mean', params: { weights: [3, 0, 1] } };
    const named = { rows: [0, 2], row_weights: [3, 1] };
    const all = { rows: [0, 2], row_weights: [3, 7, 1] };
    expect(await outcome({ ...weighted, expected: named })).toMatchObject({ ok: true, worst: 0 });
    expect(await outcome({ ...weighted, expected: all })).toMatchObject({ ok: true, worst: 0 });
    const swapped = { rows: [0, 2], row_weights: [1, 3] };
    expect(await outcome({ ...weighted, expected: swapped })).toMatchObject({ ok: false });
  });

  test('Bulyan’s second stage over picked rows', async () => {
    // n = 7, f = 1: of the 5 picks 0, 3, 4, 6, 9 the 3 nearest to their median 4 are 3, 4 and 6. The
    // median of all rows is 6, so the error tells what it was compared with.
    const rows = [[3], [100], [0], [4], [6], [9], [100]];
    const median = { rule: 'median', params: { f: 1 }, shape: [1] };
    const { ok, worst } = await outcome(
      { ...median, expected: { picks: [0, 2, 3, 4, 5] } },
      { rows },
    );
    expect(ok).toBe(false);
    expect(worst).toBeCloseTo((6 - 13 / 3) / 0.5, 12);
  });
});

describe('cases whose answers are bytes', () => {
  /** RFC 8439, section 2.3.2. */
  const params = {
    key_hex: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    nonce_hex: '000000090000004a00000000',
    counter: 1,
    bytes: 64,
  };
  const expected =
    '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
    'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e';
  const keystream = { rule: 'chacha20_keystream', input: null, shape: null, params, expected };

  test('need no updates, and are right to the last bit', async () => {
    expect(await outcome(keystream)).toMatchObject({ ok: true, worst: 0 });
    expect(
      await outcome({ ...keystream, params: { ...params, bytes: 5 }, expected: '10f1e7e4d1' }),
    ).toMatchObject({ ok: true });
    for (const wrong of [expected.replace('10f1', '11f1'), expected.slice(2), '']) {
      expect(await outcome({ ...keystream, expected: wrong })).toMatchObject({
        ok: false,
        worst: Number.POSITIVE_INFINITY,
      });
    }
  });

  test.each([
    ['a key of another length', { key_hex: '00' }, 'params.key_hex must be 32 bytes in hex'],
    ['a nonce that is none', { nonce_hex: 'z'.repeat(24) }, 'params.nonce_hex must be 12 bytes'],
    ['a counter that would wrap', { counter: 2 ** 32 - 1, bytes: 65 }, 'params.counter must be'],
    ['too much', { bytes: 2 ** 40 }, 'params.bytes must be an integer'],
  ])('fail with %s, and say where', async (_, change, reason) => {
    const one = await outcome({ ...keystream, params: { ...params, ...change } });
    expect(one).toMatchObject({ ok: false, worst: null, reason: expect.stringContaining(reason) });
  });
});

describe('cases of server optimisers', () => {
  // One column: the model 0, then two clients in each of two rounds. Means 2.5 and 3.25, so Δ = 2.5
  // and 3.25 − 1.25 = 2; m = 2.5, then ½·2.5 + 2.
  const rows = [[0], [2], [4], [4], [1]];
  const fixture = { rows, input: { shape: [5] } };
  const fedavgm = {
    rule: 'server_fedavgm',
    n: 2,
    shape: [2, 1],
    params: {
      server_learning_rate: 0.5,
      server_momentum: 0.5,
      num_examples: [
        [3, 1],
        [3, 1],
      ],
    },
    ...values(1.25, 2.875),
    expected_m: { values: [-2.5, -3.25] },
    expected_v: { values: [0, 0] },
    tol: { abs: 1e-6 },
    tol_m: { abs: 1e-6 },
    tol_v: { abs: 0 },
  };

  test('pass where the model and all that is remembered are right', async () => {
    expect(await outcome(fedavgm, fixture)).toMatchObject({ ok: true, worst: 0 });
    for (const wrong of ['expected', 'expected_m', 'expected_v']) {
      const case_ = { ...fedavgm, [wrong]: { values: [0.5, 0.5] } };
      expect(await outcome(case_, fixture)).toMatchObject({ ok: false });
    }
  });

  test.each([
    ['no momentum to compare', { expected_m: 7 }, 'expected_m must be an object, got 7'],
    ['no shape of rounds', { shape: [2] }, 'shape must be that of a matrix'],
    [
      'example counts of too few rounds',
      { params: { ...fedavgm.params, num_examples: [[3, 1]] } },
      'params.num_examples must be 2 lists of 2',
    ],
    [
      'example counts that are no lists',
      { params: { ...fedavgm.params, num_examples: [3, 1] } },
      'num_examples[0] must be lists of finite numbers',
    ],
    ['another number of clients', { n: 3 }, 'num_examples must be 2 lists of 3'],
    [
      'an input of another length',
      { shape: [2, 2], expected: { values: [0, 0, 0, 0] }, ...fourOf('expected_m', 'expected_v') },
      'input must have 10 numbers',
    ],
    [
      'a learning rate that the optimiser refuses',
      { params: { ...fedavgm.params, server_learning_rate: 0 } },
      'eta must be above 0, got 0',
    ],
  ])('fail for %s, and say so', async (_, change, reason) => {
    expect(await outcome({ ...fedavgm, ...change }, fixture)).toMatchObject({
      ok: false,
      worst: null,
      reason: expect.stringContaining(reason),
    });
  });

  function fourOf(...names: string[]) {
    return Object.fromEntries(names.map((name) => [name, { values: [0, 0, 0, 0] }]));
  }
});

describe('cases of poisoning scores', () => {
  // The model (10, 0), and two more: steps (3, 4) and (0, −2), where a tenth of 10 is expected. The
  // first client's norms were 2, 4 and 6 before: 4 ± √(8/3).
  const rows = [
    [10, 0],
    [13, 4],
    [10, -2],
  ];
  const fixture = { rows, input: { shape: [6] } };
  const tol = { abs: 1e-4 };
  const scores = {
    rule: 'poison_scores',
    n: 2,
    d: 2,
    shape: null,
    params: { past_step_norms: [[2, 4, 6], []] },
    expected: {
      step_norm: { values: [5, 2] },
      cos_raw: { values: [0.6, 0] },
      magnitude: { values: [8, 2] },
      history_signed: { values: [Math.sqrt(3 / 8), 0] },
    },
    tol: { step_norm: tol, cos_raw: tol, magnitude: tol, history_signed: tol },
  };

  test('pass where each score that is asked for is right', async () => {
    expect(await outcome(scores, fixture)).toMatchObject({ ok: true });
    for (const name of Object.keys(scores.expected)) {
      const expected = { ...scores.expected, [name]: { values: [5, 0.001] } };
      expect(await outcome({ ...scores, expected }, fixture)).toMatchObject({ ok: false });
    }
  });

  test.each([
    [
      'a score that we do not have',
      { expected: { luck: { values: [0, 0] } }, tol: { luck: tol } },
      'the result has no part called "luck"',
    ],
    ['a score without a tolerance', { tol: {} }, 'tol.step_norm must be an object'],
    ['one past for two', { params: { past_step_norms: [[1]] } }, 'past_step_norms must have 2'],
    ['an input of another length', { d: 3 }, 'input must have 9 numbers'],
  ])('fail for %s, and say so', async (_, change, reason) => {
    expect(await outcome({ ...scores, ...change }, fixture)).toMatchObject({
      ok: false,
      worst: null,
      reason: expect.stringContaining(reason),
    });
  });
});

describe('selection of cases', () => {
  const cases = [
    { ...values(2, 20) },
    { rule: 'median', ...values(1, 20) },
    { rule: 'secagg_prg_numpy', expected: null, input: null, tol: 'whatever' },
    { rule: 'secagg_prg_numpy' },
  ];

  test('rules that we do not have are counted, unread', async () => {
    const report = await run({ cases });
    expect(report).toMatchObject({ passed: 2, failed: 0 });
    expect([...report.unknown]).toEqual([['secagg_prg_numpy', 2]]);
  });

  test('a pipeline with a step that we do not have is unknown as a whole', async () => {
    const params = { steps: [{ rule: 'sieve' }, { rule: 'mean' }] };
    const report = await run({ cases: [{ rule: 'pipeline', params, ...values(2, 20) }] });
    expect([...report.unknown]).toEqual([['pipeline', 1]]);
  });

  test('only rules with a given prefix are run', async () => {
    const report = await run({ cases }, { only: ['me', 'secagg_'] });
    expect(report.cases.map(({ rule }) => rule)).toEqual(['mean', 'median']);
    const median = await run({ cases }, { only: ['med'] });
    expect(median).toMatchObject({ passed: 1, unknown: new Map() });
  });

  test('several files are one run, with progress over all', async () => {
    await using first = await writeGolden({ cases: cases.slice(0, 1) });
    await using second = await writeGolden({ cases: cases.slice(1, 2) });
    const goldens = [await openGoldenFile(first.file), await openGoldenFile(second.file)];
    const seen: string[] = [];
    const onProgress = (done: number, total: number) => seen.push(`${done}/${total}`);
    const report = await runConformance(goldens, backend, { onProgress });
    expect(report.passed).toBe(2);
    expect(seen).toEqual(['1/2', '2/2']);
  });
});

const place = 'index.json: cases[0]';
const right = values(2, 20);

describe('an index that cannot be trusted', () => {
  test.each<[string, GoldenFixture, string]>([
    [
      'another format',
      { cases: [], index: { format: 2 } },
      'index.json: format must be an integer in [1, 1], got 2',
    ],
    [
      'no cases',
      { cases: [], index: { cases: {} } },
      'index.json: cases must be a list of objects',
    ],
    [
      'a case that is none',
      { cases: [], index: { cases: [7] } },
      `${place} must be an object, got 7`,
    ],
    [
      'an id that moves the cursor',
      { cases: [{ ...right, id: '\u001b[2J' }] },
      `${place}.id must be 1 to 200 printable`,
    ],
    [
      'an input outside the folder',
      { cases: [right], input: { file: '../x.f32' } },
      'must name a file below it, got "../x.f32"',
    ],
    [
      'an input that is missing',
      { cases: [right], input: { file: 'y.f32' } },
      'y.f32 cannot be read',
    ],
    [
      'an input of another size',
      { cases: [right], input: { shape: [2, 2] } },
      'inputs/x.f32 must have 16 bytes, got 24',
    ],
    [
      'an input of another content',
      { cases: [right], input: { sha256: '00' } },
      'inputs/x.f32 must have the SHA-256 that is listed',
    ],
  ])('is refused for %s', async (_, fixture, message) => {
    await expect(run(fixture)).rejects.toThrow(
      expect.objectContaining({ name: 'FormatError', message: expect.stringContaining(message) }),
    );
  });

  test('is refused where there is none', async () => {
    await expect(openGoldenFile('/nowhere.json')).rejects.toThrow('/nowhere.json cannot be read');
  });
});

describe('a malformed case', () => {
  test.each<[string, GoldenFixture, string]>([
    ['no expected value', { cases: [{}] }, `${place}.expected must be an object, got nothing`],
    [
      'an unknown kind of reference',
      { cases: [{ expected: { url: 'x' } }] },
      `${place}.expected must have one of file, values`,
    ],
    ['too few values', { cases: [values(2)] }, `${place}.expected must give 2 numbers, got 1`],
    [
      'a word that is no number',
      { cases: [values(2, 'inf')] },
      `${place}.expected.values[1] must be numbers or "NaN"`,
    ],
    [
      'a row that is not there',
      { cases: [{ expected: { rows: [3] } }] },
      `${place}.expected.rows[0] must be integers in [0, 2], got 3`,
    ],
    ['no rows', { cases: [{ expected: { rows: [] } }] }, 'must name at least one row'],
    [
      'row weights of another length',
      { cases: [{ expected: { rows: [0, 1], row_weights: [1] } }] },
      'must have 2 or 3 row_weights with a positive sum',
    ],
    [
      'a pack that is not listed',
      { cases: [{ expected: pack('/etc/passwd', 'f64', 0, 2) }] },
      `${place}.expected names no pack: "/etc/passwd"`,
    ],
    [
      'a place outside its pack',
      { expected: [2], cases: [{ expected: pack('expected.f64', 'f64', 0, 2) }] },
      'must start on a number of expected.f64 and end inside it',
    ],
    [
      'a place between numbers',
      { expected: [2, 20, 0], cases: [{ expected: pack('expected.f64', 'f64', 4, 2) }] },
      'must start on a number of expected.f64 and end inside it',
    ],
    [
      'a pack of another type',
      { expected: [2, 20], cases: [{ expected: pack('expected.f64', 'f32', 0, 2) }] },
      'dtype must be one of "f64"',
    ],
    [
      'a negative tolerance',
      { cases: [{ ...right, tol: { abs: -1 } }] },
      `${place}.tol must not be negative`,
    ],
    [
      'no tolerance',
      { cases: [{ ...right, tol: {} }] },
      `${place}.tol.abs must be a finite number, got nothing`,
    ],
    [
      'a column that is not there',
      { cases: [{ ...right, ignore: [2] }] },
      `${place}.ignore[0] must be integers in [0, 1], got 2`,
    ],
    [
      'a shape of 3 dimensions',
      { cases: [{ ...right, shape: [1, 1, 2] }] },
      'shape must be that of a matrix',
    ],
    [
      'an input that is not listed',
      { cases: [{ ...right, input: 'y' }] },
      'index.json: inputs.y must be an object, got nothing',
    ],
    [
      'an input from the prototype',
      { cases: [{ ...right, input: '__proto__' }] },
      'index.json: inputs.__proto__ must be an object, got nothing',
    ],
    [
      'a parameter that is missing',
      { cases: [{ ...right, rule: 'krum' }] },
      `${place}.params.f must be an integer`,
    ],
    [
      'a word that is none of the known',
      { cases: [{ ...right, rule: 'krum', params: { f: 0, neighbours: 'n' } }] },
      'neighbours must be one of "n-f-1", "n-f-2"',
    ],
  ])('fails for %s, and says where', async (_, fixture, message) => {
    const { cases } = await run(fixture);
    const reason = expect.stringContaining(message);
    expect(cases).toMatchObject([{ ok: false, worst: null, reason }]);
  });

  test('does not hide the others', async () => {
    expect(await run({ cases: [{}, right] })).toMatchObject({ passed: 1, failed: 1 });
  });
});
