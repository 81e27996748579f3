import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Aggregate, aggregateWith } from '../src/aggregate.ts';
import { Engine } from '../src/backend/engine.ts';
import type { Backend, HostRow, Tile, TileKernels } from '../src/backend/kernels.ts';
import { ReferenceKernels } from '../src/backend/reference/reference.ts';
import { AggregationError } from '../src/core/errors.ts';
import { mean } from '../src/rules/mean.ts';
import { monna } from '../src/rules/monna.ts';
import type { Round, Rule } from '../src/rules/rule.ts';
import type { Entry, Updates } from '../src/screen.ts';

/** The mean, weighted by examples where the round counts them. */
const plainMean: Rule = {
  name: 'plain-mean',
  laws: [],
  minClients: 1,
  async apply(x, ops, { exampleCounts }) {
    const counts = exampleCounts ?? new Array<number>(x.rows).fill(1);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const weights = [counts.map((count) => count / total)];
    return { value: ops.combine(weights, x), weights };
  },
};

/** The middle value of each column; wants three rows, and says so in a formula of its own. */
const middle: Rule = {
  name: 'middle',
  laws: [],
  minClients: 3,
  async apply(x, ops) {
    if (x.rows < 3) {
      throw new AggregationError('constraint', `middle needs n >= 2f + 1 = 3, got n = ${x.rows}`);
    }
    const rank = Math.floor(x.rows / 2);
    return { value: ops.rankMean(x, rank, rank + 1) };
  },
};

const created: Backend[] = [];
const aggregate: Aggregate = aggregateWith(async (_choice, options) => {
  const backend = new Engine(new ReferenceKernels(), options);
  created.push(backend);
  return backend;
});

const row = (...values: number[]): Float32Array => Float32Array.from(values);
const named = (client: string, ...values: number[]) => ({ client, row: row(...values) });

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (cause: Error) => cause,
  );
  return error;
}

async function verdicts(
  updates: Updates,
  options: Parameters<Aggregate>[2] = {},
): Promise<Record<string, string>> {
  const { clients } = await aggregate(updates, plainMean, options);
  return Object.fromEntries(
    clients.map(({ client, verdict, reasons }) => [client, [verdict, ...reasons].join(' | ')]),
  );
}

describe('the road', () => {
  test('gives the rule what passed the screen and reads the value back', async () => {
    const result = await aggregate([row(1, 2), row(3, 4), row(5, 12)], plainMean);
    expect(result.value).toEqual(row(3, 6));
    expect(result).toMatchObject({ rule: 'plain-mean', rows: 3, cols: 2 });
    expect(result.backend.name).toBe('reference');
    expect(result.seconds).toBeGreaterThanOrEqual(0);
    expect(result.peakTileBytes).toBeGreaterThanOrEqual(3 * 2 * 4);
  });

  test('names bare rows by their place, padded so that the order of names is theirs', async () => {
    const updates = Array.from({ length: 11 }, (_, i) => row(i));
    const { clients } = await aggregate(updates, plainMean);
    expect(clients.map(({ client }) => client).slice(0, 3)).toEqual(['00', '01', '02']);
    expect(clients[10]).toMatchObject({ client: '10', norm: 10, verdict: 'accepted' });
  });

  test('orders clients by code point, not by UTF-16 unit', async () => {
    const { clients } = await aggregate(
      [named('\u{1f600}', 1), named('\uffee', 2), named('b', 3), named('ba', 4), named('B', 5)],
      plainMean,
    );
    expect(clients.map(({ client }) => client)).toEqual(['B', 'b', 'ba', '\uffee', '\u{1f600}']);
  });

  test('takes a map by client, with and without counts', async () => {
    const updates: Updates = new Map<string, Entry>([
      ['b', { row: row(4), examples: 3 }],
      ['a', row(0)],
    ]);
    const { value, clients } = await aggregate(updates, plainMean);
    expect(value).toEqual(row(2));
    expect(clients.map(({ client }) => client)).toEqual(['a', 'b']);
  });

  test('gives the same bits whatever the order of arrival', async () => {
    const values = fc.float({ noNaN: true, noDefaultInfinity: true });
    await fc.assert(
      fc.asyncProperty(
        fc
          .uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.tuple(values, values)), {
            selector: ([client]) => client,
            minLength: 1,
            maxLength: 8,
          })
          .chain((clients) =>
            fc.tuple(
              fc.constant(clients),
              fc.shuffledSubarray(clients, { minLength: clients.length }),
            ),
          ),
        async ([clients, shuffled]) => {
          const run = (list: typeof clients) =>
            aggregate(
              list.map(([client, entries]) => named(client, ...entries)),
              plainMean,
            );
          const [one, other] = [await run(clients), await run(shuffled)];
          expect(new Uint32Array(other.value.buffer)).toEqual(new Uint32Array(one.value.buffer));
          expect(other.clients).toEqual(one.clients);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('reports the weight that each client received, 0 for the excluded', async () => {
    const { clients } = await aggregate(
      [named('a', 1), named('b', Number.NaN), named('c', 3)],
      plainMean,
    );
    expect(clients.map(({ weight }) => weight)).toEqual([0.5, 0, 0.5]);
  });

  test('tells the verdicts before the rule sees a row', async () => {
    const calls: string[] = [];
    const spy: Rule = {
      ...plainMean,
      apply: (x, ops, round) => {
        calls.push('rule');
        return plainMean.apply(x, ops, round);
      },
    };
    await aggregate([named('a', 1), named('b', Number.NaN)], spy, {
      onScreened: ({ screenings, rows, cols }) => {
        for (const { client, verdict } of screenings) calls.push(`${client} ${verdict}`);
        calls.push(`${rows}×${cols}`);
      },
    });
    expect(calls).toEqual(['a accepted', 'b excluded', '1×1', 'rule']);
  });

  test('joins the evidence of the rule to the right clients', async () => {
    const judging: Rule = {
      ...plainMean,
      apply: async (x, ops, round) => ({
        ...(await plainMean.apply(x, ops, round)),
        evidence: [
          { score: 1, selected: true },
          { score: 9, selected: false, reason: 'far from the others' },
        ],
      }),
    };
    const { clients } = await aggregate(
      [named('a', 1), named('b', Number.NaN), named('c', 3)],
      judging,
    );
    expect(clients[0]).toMatchObject({ score: 1, selected: true, verdict: 'accepted' });
    expect(clients[1]).not.toHaveProperty('score');
    expect(clients[2]).toMatchObject({
      score: 9,
      selected: false,
      reasons: ['rule: far from the others'],
    });
  });

  test('finds a trusted client by its id, whoever is excluded before it', async () => {
    const updates = [named('b', 5), named('a', Number.NaN), named('c', 6), named('d', 90)];
    const trusting = (trusted: number | string) => aggregate(updates, monna({ f: 1, trusted }));
    expect((await trusting('c')).value).toEqual(row(5.5));
    const constraint = { code: 'constraint' };
    expect(await errorOf(trusting('a'))).toMatchObject({
      ...constraint,
      message: expect.stringContaining(
        '"a", which is not in the round; the screen excluded 1 of 4',
      ),
    });
    // Row 2 of four is "c", row 2 of the three that pass is "d": a number would be misread.
    expect(await errorOf(trusting(2))).toMatchObject(constraint);
  });

  test('shards without changing a bit', async () => {
    const cols = 150_000;
    const rows = [0, 1, 2].map((k) =>
      Float32Array.from({ length: cols }, (_, j) => Math.sin(j + k)),
    );
    const whole = await aggregate(rows, plainMean);
    // A megabyte holds one block of 65,536 columns of three rows and the result, and not two.
    const memory = 2 ** 20 + 2 ** 18;
    const sharded = await aggregate(rows, plainMean, { memory });
    expect(sharded.value).toEqual(whole.value);
    expect(sharded.clients).toEqual(whole.clients);
    expect(sharded.peakTileBytes).toBeLessThanOrEqual(memory);
    expect(whole.peakTileBytes).toBeGreaterThan(memory);
  });
});

describe('the screen', () => {
  test('excludes rows that are not finite, whatever the NaN', async () => {
    const signalling = new Float32Array(2);
    new Uint32Array(signalling.buffer)[1] = 0xff800001;
    expect(
      await verdicts([named('a', 1, 2), named('b', 1, Infinity), { client: 'c', row: signalling }]),
    ).toEqual({
      a: 'accepted',
      b: 'excluded | non-finite: 1 of 2 entries',
      c: 'excluded | non-finite: 1 of 2 entries',
    });
  });

  test('expects the length that more than half of the clients sent', async () => {
    expect(await verdicts([named('a', 1, 2), named('b', 1), named('c', 3, 4)])).toEqual({
      a: 'accepted',
      b: 'excluded | length: 1 entries where 2 were expected',
      c: 'accepted',
    });
  });

  test('lets no plurality choose the length, nor a client that sends many rows', async () => {
    const plurality = [named('a', 1), named('b', 1), named('c', 1, 2), named('d', 1, 2, 3)];
    const flood = [
      named('a', 1, 2),
      named('b', 3, 4),
      ...'xxxxx'.split('').map((x) => named(x, 9)),
    ];
    expect(await errorOf(aggregate(plurality, plainMean))).toMatchObject({
      code: 'no-clients',
      message: expect.stringContaining('2 × 1, 1 × 2, 1 × 3'),
    });
    expect(await verdicts(flood)).toMatchObject({ a: 'accepted', b: 'accepted' });
  });

  test('takes the length from cols, or from the reference', async () => {
    const updates = [named('a', 1), named('b', 2), named('c', 3, 4)];
    const wanted = { a: 'excluded | length: 1 entries where 2 were expected', c: 'accepted' };
    expect(await verdicts(updates, { cols: 2 })).toMatchObject(wanted);
    expect(await verdicts(updates, { reference: row(0, 0) })).toMatchObject(wanted);
  });

  test('excludes empty rows even where they are in the majority', async () => {
    const updates = [named('a'), named('b'), named('c', 1)];
    expect(await errorOf(aggregate(updates, plainMean))).toMatchObject({ code: 'no-clients' });
    expect(await verdicts(updates, { cols: 1 })).toMatchObject({ c: 'accepted' });
  });

  test('takes over why an update could not be made a row, and counts it among the clients', async () => {
    const refused = (client: string) => ({ client, refused: 'malformed: has no header' });
    const updates = [named('a', 1, 2), refused('b'), named('c', 3, 4)];
    expect(await verdicts(updates)).toMatchObject({ b: 'excluded | malformed: has no header' });
    const half = [...updates, refused('d')];
    expect((await errorOf(aggregate(half, plainMean))).message).toContain(
      'half of 4 updates (2 × 2)',
    );
  });

  test('excludes norms above the bound, and leaves room for rounding in f32', async () => {
    // 3-4-5: the norms are 5, 5·(1 + 2⁻²⁰) and 5·(1 + 2⁻¹⁰).
    const up = (by: number) => [3 * (1 + by), 4 * (1 + by)] as const;
    const updates = [named('a', 3, 4), named('b', ...up(2 ** -20)), named('c', ...up(2 ** -10))];
    expect(await verdicts(updates, { maxNorm: 5 })).toEqual({
      a: 'accepted',
      b: 'accepted',
      c: 'excluded | norm: 5.00488 is above 5',
    });
  });

  test('keeps the first row of a client and excludes later ones, without reading them', async () => {
    const unread: HostRow = {
      cols: 1,
      read: () => {
        throw new Error('must not be read');
      },
    };
    const { value, clients } = await aggregate(
      [named('b', 7), named('a', 1), { client: 'a', row: unread }],
      plainMean,
    );
    expect(value).toEqual(row(4));
    expect(clients.map(({ client, verdict }) => `${client} ${verdict}`)).toEqual([
      'a accepted',
      'a excluded',
      'b accepted',
    ]);
    expect(clients[1]!.reasons).toEqual(['duplicate-id: this client sent an update already']);
  });

  test('flags equal content of different clients, and excludes neither', async () => {
    const copies = [named('victim', 1, 2), named('mimic', 1, 2), named('other', 2, 1)];
    expect(await verdicts(copies)).toEqual({
      mimic: 'flagged | same-content: equal to the update of "victim"',
      other: 'accepted',
      victim: 'flagged | same-content: equal to the update of "mimic"',
    });
  });

  test('excludes what a client sent before, but not what another client sent', async () => {
    const first = await aggregate([named('a', 1), named('b', 2), named('c', 3)], plainMean);
    const history = new Map(first.clients.map((c) => [c.client, [c.fingerprint!]]));
    const replayed = [named('a', 1), named('b', 5), named('c', 2)];
    expect(await verdicts(replayed, { history })).toEqual({
      a: 'excluded | replay: this client sent the same content in an earlier round',
      b: 'accepted',
      c: 'accepted',
    });
  });

  test('ignores what clients claim unless it is asked to weigh by it', async () => {
    const updates = [
      { ...named('a', 0), examples: 1 },
      { ...named('b', 4), examples: 3 },
      { ...named('c', 8), examples: -1 },
    ];
    expect((await aggregate(updates, plainMean)).value).toEqual(row(4));
    expect(await verdicts(updates)).toMatchObject({
      c: 'flagged | examples: claims -1, not a whole number above 0',
    });
    expect((await aggregate(updates, plainMean, { weights: 'examples' })).value).toEqual(row(3));
  });

  test.each([[0], [-3], [1.5], [Number.NaN], [Infinity], [2 ** 60]])(
    'excludes a claim of %d examples where claims weigh',
    async (examples) => {
      const updates = [
        { ...named('a', 1), examples: 5 },
        { ...named('b', 2), examples },
      ];
      expect(await verdicts(updates, { weights: 'examples' })).toEqual({
        a: 'accepted',
        b: `excluded | examples: claims ${examples}, not a whole number above 0`,
      });
    },
  );

  test('excludes a client without a claim where claims weigh', async () => {
    const updates = [{ ...named('a', 1), examples: 5 }, named('b', 2)];
    expect(await verdicts(updates, { weights: 'examples' })).toMatchObject({
      b: 'excluded | examples: states no count',
    });
  });

  test('caps claims and flags the client', async () => {
    const updates = [
      { ...named('a', 0), examples: 10 },
      { ...named('b', 4), examples: 1e9 },
    ];
    const options = { weights: 'examples', exampleCap: 30 } as const;
    expect((await aggregate(updates, plainMean, options)).value).toEqual(row(3));
    expect(await verdicts(updates, options)).toMatchObject({
      b: 'flagged | examples: claims 1000000000, taken as 30',
    });
  });

  test('keeps excluded rows out of the arithmetic', async () => {
    const updates = [named('a', 1), named('b', 3), named('c', 1e38), named('d', -Infinity)];
    const { value, rows } = await aggregate(updates, plainMean, { maxNorm: 10 });
    expect(value).toEqual(row(2));
    expect(rows).toBe(2);
  });
});

describe('what ends a round', () => {
  test('a rule without enough rows says its formula, its numbers and whom the screen excluded', async () => {
    const updates = [named('a', 1), named('b', 2), named('c', Number.NaN)];
    const error = await errorOf(aggregate(updates, middle));
    expect(error).toBeInstanceOf(AggregationError);
    expect(error).toMatchObject({ code: 'constraint' });
    expect(error.message).toBe(
      'middle needs n >= 2f + 1 = 3, got n = 2; ' +
        'the screen excluded 1 of 3 updates: "c" (non-finite: 1 of 1 entries)',
    );
    expect(error.cause).toBeInstanceOf(AggregationError);
  });

  test('minClients holds for rules that do not check it themselves', async () => {
    const careless = { ...plainMean, minClients: 4 };
    const error = await errorOf(aggregate([row(1), row(2)], careless));
    expect(error.message).toBe('plain-mean needs at least 4 clients, got 2');
  });

  test.each<[string, Updates, string]>([
    ['no updates', [], 'there are none'],
    ['an empty map', new Map(), 'there are none'],
    ['only refused updates', [{ client: 'a', refused: 'malformed: x' }], '"a" (malformed: x)'],
    ['no finite update', [row(Number.NaN)], 'the screen excluded 1 of 1 updates: "0" (non-finite'],
  ])('%s', async (_, updates, message) => {
    const error = await errorOf(aggregate(updates, plainMean));
    expect(error).toMatchObject({ code: 'no-clients' });
    expect(error.message).toContain(message);
  });

  test('a message names a few of many clients, and no control characters', async () => {
    const updates = Array.from({ length: 30 }, (_, i) => named(`evil\u001b[2J${i}`, Number.NaN));
    const { message } = await errorOf(aggregate(updates, plainMean));
    expect(message).toContain('and 25 more');
    expect(message).not.toContain('\u001b');
  });

  test('a row that cannot be read is an error that names the client', async () => {
    const broken: HostRow = { cols: 2, read: () => Promise.reject(new Error('disk on fire')) };
    const error = await errorOf(aggregate(new Map([['eve', broken]]), plainMean));
    expect(error).toMatchObject({ code: 'unreadable', cause: { message: 'disk on fire' } });
    expect(error.message).toBe(
      'could not read entries 0 to 2 of the update of "eve": disk on fire',
    );
  });

  test('a reference that is not finite, or of another length, is the server’s mistake', async () => {
    const updates = [row(1, 2)];
    const cases = [{ reference: row(1, Number.NaN) }, { reference: row(1), cols: 2 }];
    for (const options of cases) {
      expect(await errorOf(aggregate(updates, plainMean, options))).toBeInstanceOf(RangeError);
    }
  });

  test('a past that is no Map, not finite, or of another length, is the server’s mistake', async () => {
    const updates = [named('a', 1, 2), named('b', 3, 4)];
    const ofB = (past: Float32Array | HostRow) => ({ past: new Map([['b', past]]) });
    const cases: [Parameters<Aggregate>[2], string][] = [
      [ofB(row(1, Number.NaN)), 'past of "b" must be finite, got 1 entries that are not'],
      [ofB(row(1)), 'past of "b" must have 2 entries, got 1'],
      [
        ofB([1, 2] as never),
        'past of "b" must be a Float32Array or a row source, got an array of 2',
      ],
      [{ past: { b: row(1, 2) } as never }, 'past must be a Map, got an object'],
    ];
    for (const [options, message] of cases) {
      expect((await errorOf(aggregate(updates, plainMean, options))).message).toBe(message);
    }
  });

  test('an aborted signal, before and between reads', async () => {
    const reason = new Error('too late');
    const before = aggregate([row(1)], plainMean, { signal: AbortSignal.abort(reason) });
    expect(await errorOf(before)).toBe(reason);
    const controller = new AbortController();
    const slow: HostRow = { cols: 1, read: () => controller.abort(reason) };
    const during = aggregate([slow, slow], plainMean, { signal: controller.signal });
    expect(await errorOf(during)).toBe(reason);
  });

  test('a signal that a timer gives, though all rows are in memory on the CPU', async () => {
    // Blocks of 65,536 columns, so a hundred shards, of some milliseconds each.
    const cols = 100 * 65_536;
    const rows = Array.from({ length: 4 }, (_, i) => new Float32Array(cols).fill(i));
    await using backend = new Engine(new ReferenceKernels(), { memory: 4 * 5 * 65_536 });
    const signal = AbortSignal.timeout(1);
    const error = await errorOf(aggregate(rows, plainMean, { backend, signal }));
    expect(error).toMatchObject({ name: 'TimeoutError' });
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['a list of numbers as row', () => aggregate([[1, 2]] as never, plainMean), 'Float32Array'],
    ['f64 rows', () => aggregate([new Float64Array(2)] as never, plainMean), 'Float32Array'],
    ['null as row', () => aggregate([null] as never, plainMean), 'Float32Array'],
    ['one bare array', () => aggregate(row(1) as never, plainMean), 'updates must be an array'],
    ['some names', () => aggregate([row(1), named('a', 1)], plainMean), 'all clients or none'],
    ['an empty name', () => aggregate([named('', 1)], plainMean), 'client must be'],
    ['no rule', () => aggregate([row(1)], undefined as never), 'rule must be a rule'],
    ['a rule’s factory', () => aggregate([row(1)], mean as never), 'mean(), got a function'],
    [
      'a hole',
      () => aggregate(new Array(1).concat(row(2)) as never, plainMean),
      'the update of "0" must be',
    ],
    [
      'a word for options',
      () => aggregate([row(1)], plainMean, 'cpu' as never),
      'must be an object',
    ],
    [
      'a rule that gives a number',
      () => aggregate([row(1)], { ...plainMean, apply: async () => 5 as never }),
      'plain-mean must give an object with a value, got 5',
    ],
    ['cols of 0', () => aggregate([row(1)], plainMean, { cols: 0 }), 'cols must be at least 1'],
    [
      'a misspelt option, which would have left a door open',
      () => aggregate([row(1)], plainMean, { maxnorm: 5 } as object),
      'there is no option "maxnorm"; there are backend',
    ],
    [
      'a backend that is none',
      () => aggregate([row(1)], plainMean, { backend: 5 } as object),
      'backend must be a name or come from createBackend, got 5',
    ],
    ['maxNorm of 0', () => aggregate([row(1)], plainMean, { maxNorm: 0 }), 'maxNorm must be above'],
    ['half a cap', () => aggregate([row(1)], plainMean, { exampleCap: 0.5 }), 'exampleCap must be'],
    [
      'a word for weights',
      () => aggregate([row(1)], plainMean, { weights: 'equal' as never }),
      'weights must be one of',
    ],
    [
      'a rule with two rows',
      () => aggregate([row(1), row(2)], { ...plainMean, apply: async (x) => ({ value: x }) }),
      'plain-mean must give a value of 1×1, got 2×1',
    ],
  ])('refuses %s', async (_, call, message) => {
    const error = await errorOf(Promise.resolve().then(call));
    expect(error).toSatisfy((e) => e instanceof TypeError || e instanceof RangeError);
    expect(error.message).toContain(message);
  });
});

describe('backends and destinations', () => {
  beforeAll(() => created.splice(0));

  test('a backend made for the call is closed, also after an error', async () => {
    created.splice(0);
    await aggregate([row(1)], plainMean, { backend: 'reference', memory: 2 ** 20 });
    await errorOf(aggregate([row(1)], middle));
    expect(created).toHaveLength(2);
    for (const backend of created) {
      await expect(backend.read(backend.matrix([row(1)]))).rejects.toMatchObject({
        code: 'closed',
      });
    }
  });

  test('a backend of the caller stays open, and takes no memory option', async () => {
    await using backend = new Engine(new ReferenceKernels());
    await aggregate([row(1)], plainMean, { backend });
    expect((await aggregate([row(2)], plainMean, { backend })).value).toEqual(row(2));
    const error = await errorOf(aggregate([row(1)], plainMean, { backend, memory: 100 }));
    expect(error).toBeInstanceOf(TypeError);
  });

  test.each([
    ['no row is left', [row(Number.NaN)], {}],
    ['no row is left beside a reference', [row(Number.NaN)], { reference: row(1) }],
    ['no length is wanted', [row(1, 2)], { reference: row(1) }],
    ['the reference is not finite', [row(1)], { reference: row(Number.NaN) }],
    ['the rule refuses', [row(1)], { reference: row(1) }],
    ['the rule refuses beside a past', [row(1)], { past: new Map([['0', row(1)]]) }],
    ['the past is not finite', [row(1)], { past: new Map([['0', row(Number.NaN)]]) }],
  ])('a backend of the caller is left with nothing where %s', async (_, updates, options) => {
    const kernels: TileKernels = new ReferenceKernels();
    const held = new Set<Tile>();
    const upload = kernels.upload.bind(kernels);
    kernels.upload = async (...args) => {
      const tile = await upload(...args);
      held.add(tile);
      return tile;
    };
    kernels.free = (tile: Tile) => void held.delete(tile);
    await using backend = new Engine(kernels);
    await errorOf(aggregate(updates, middle, { ...options, backend }));
    // Releases take their turn: one more evaluation comes after them.
    const other = backend.matrix([row(1)]);
    await backend.read(other);
    expect(held.size).toBe(1);
  });

  test('a row on the GPU that its buffer does not hold is named by its client', async () => {
    const buffer = { size: 4, usage: 0x04 } as GPUBuffer;
    const error = await errorOf(
      aggregate([{ client: 'anna', row: { cols: 2, buffer } }], plainMean),
    );
    expect(error.message).toBe('buffer of the update of "anna" must hold at least 8 bytes, got 4');
  });

  test('a sink receives the value in column order, and no array is made', async () => {
    const cols = 1000;
    const rows = [0, 2].map((shift) => Float32Array.from({ length: cols }, (_, j) => j + shift));
    const seen: number[] = [];
    const report = await aggregate(rows, plainMean, {
      sink: (values, from, to) => {
        expect(from).toBe(seen.length);
        expect(values).toHaveLength(to - from);
        seen.push(...values);
      },
    });
    expect(report).not.toHaveProperty('value');
    expect(seen).toEqual(Array.from({ length: cols }, (_, j) => j + 1));
  });

  test('output and sink exclude each other', async () => {
    const options = { sink: () => {}, output: {} as GPUBuffer };
    expect(await errorOf(aggregate([row(1)], plainMean, options))).toBeInstanceOf(TypeError);
  });

  test('the rule is given counts only where they weigh, and the reference as a matrix', async () => {
    const rounds: Round[] = [];
    const spy: Rule = {
      ...plainMean,
      apply: (x, ops, round) => {
        rounds.push(round);
        return plainMean.apply(x, ops, {});
      },
    };
    const updates = [{ ...named('a', 1), examples: 2 }];
    await aggregate(updates, spy, { reference: row(0) });
    await aggregate(updates, spy, { weights: 'examples' });
    expect(rounds[0]).toMatchObject({ reference: { rows: 1, cols: 1 } });
    expect(rounds[0]).not.toHaveProperty('exampleCounts');
    expect(rounds[1]).toEqual({ clients: ['a'], exampleCounts: [2] });
  });

  test('the rule is given the past of the clients whose rows it is given, and zeros of new ones', async () => {
    const pasts: number[][] = [];
    const spy: Rule = {
      ...plainMean,
      async apply(x, ops, { past }) {
        expect(past).toMatchObject({ rows: x.rows, cols: 2 });
        const { products } = await ops.pairs(past!);
        pasts.push([...products]);
        return { value: ops.combine([[1, ...new Array<number>(x.rows - 1).fill(0)]], past!) };
      },
    };
    const past = new Map([
      ['gone', row(9, 9, 9)],
      ['d', row(3, 4)],
      ['b', row(5, 0)],
      ['a', row(1, 2)],
    ]);
    // `a` is new to the screen's liking until its row is read: the rule begins again without it.
    const updates = [
      named('d', 1, 1),
      named('c', 1, 1),
      named('b', 1, 2),
      named('a', 1, Number.NaN),
    ];
    const { value } = await aggregate(updates, spy, { past });
    // Of b, c and d: (5, 0), (0, 0) and (3, 4).
    expect(pasts.at(-1)).toEqual([25, 0, 15, 0, 0, 0, 15, 0, 25]);
    expect(value).toEqual(row(5, 0));
  });
});
