/**
 * How often rows are read: the screen on the way of the rule, several rules at once, and what comes
 * of rows that turn out to be unfit.
 */

import { describe, expect, test, vi } from 'vitest';
import { aggregateAllWith, aggregateWith, type ScreenReport } from '../src/aggregate.ts';
import { Engine } from '../src/backend/engine.ts';
import type { Backend, HostRow, Tile } from '../src/backend/kernels.ts';
import { ReferenceKernels } from '../src/backend/reference/reference.ts';
import { WasmKernels } from '../src/backend/wasm/wasm.ts';
import { AggregationError } from '../src/core/errors.ts';
import { geometricMedian } from '../src/rules/geometric-median.ts';
import { median } from '../src/rules/median.ts';
import { multiKrum } from '../src/rules/multi-krum.ts';
import type { Rule } from '../src/rules/rule.ts';
import { trimmedMean } from '../src/rules/trimmed-mean.ts';
import { randomRows } from './backend/parity.ts';

const make = async (): Promise<Backend> => new Engine(new ReferenceKernels());
const aggregate = aggregateWith(make);
const aggregateAll = aggregateAllWith(make);

const COLS = 500;

/** Rows that count how often each was read, on a backend that keeps none. */
function counted(rows: readonly Float32Array[]) {
  const reads = rows.map(() => 0);
  const sources = rows.map((row, i): HostRow => {
    const read: HostRow['read'] = (from, to, into) => {
      reads[i]! += to - from;
      into.set(row.subarray(from, to));
    };
    return { cols: row.length, read };
  });
  // Rows, once more those of the next shard, and what is computed: too little to keep all.
  const backend = new Engine(new ReferenceKernels(), { memory: 4 * COLS * (rows.length + 2) });
  /** How often each row was read in full. */
  const times = (): number[] => reads.map((entries) => entries / COLS);
  return { times, sources, backend };
}

/** The same with one row that is not finite at its end. */
function withOneSpoilt(rows: readonly Float32Array[], at: number): Float32Array[] {
  return rows.map((row, i) => {
    if (i !== at) return row;
    const spoilt = row.slice();
    spoilt[COLS - 1] = Number.NaN;
    return spoilt;
  });
}

const fit = randomRows(9, COLS, 21);
const spoilt = withOneSpoilt(fit, 4);
const without4 = fit.filter((_, i) => i !== 4);

describe('rows are read', () => {
  test('once for a rule by column, screen included', async () => {
    const { times, sources, backend } = counted(fit);
    const { value, clients } = await aggregate(sources, trimmedMean({ f: 2 }), { backend });
    expect(times()).toEqual(Array(9).fill(1));
    expect(value).toEqual((await aggregate(fit, trimmedMean({ f: 2 }))).value);
    for (const { verdict, norm, fingerprint } of clients) {
      expect(verdict).toBe('accepted');
      expect(norm).toBeGreaterThan(0);
      expect(fingerprint).toBeTypeOf('bigint');
    }
  });

  test('once for distances, and once more where they were chosen', async () => {
    const { times, sources, backend } = counted(fit);
    const { clients } = await aggregate(sources, multiKrum({ f: 2, m: 3 }), { backend });
    expect(times()).toEqual(clients.map(({ selected }) => (selected ? 2 : 1)));
    expect(times().filter((count) => count === 2).length).toBe(3);
  });

  test('once more by those who are left where the screen excludes a row', async () => {
    const { times, sources, backend } = counted(spoilt);
    const { value, clients } = await aggregate(sources, trimmedMean({ f: 2 }), { backend });
    expect(times()).toEqual(fit.map((_, i) => (i === 4 ? 1 : 2)));
    expect(clients[4]).toMatchObject({
      verdict: 'excluded',
      reasons: ['non-finite: 1 of 500 entries'],
    });
    expect(value).toEqual((await aggregate(without4, trimmedMean({ f: 2 }))).value);
  });

  test('once for the screen alone where a sink cannot take anything back', async () => {
    const { times, sources, backend } = counted(fit);
    const got: number[] = [];
    const seen: ScreenReport[] = [];
    await aggregate(sources, median(), {
      backend,
      sink: (values) => void got.push(...values),
      onScreened: (screened) => void seen.push(screened),
    });
    expect(times()).toEqual(Array(9).fill(2));
    expect(got).toEqual([...(await aggregate(fit, median())).value]);
    expect(seen.map(({ complete }) => complete)).toEqual([true]);
  });

  test('once for five rules together, and once for the distances of all', async () => {
    const { times, sources, backend } = counted(fit);
    const rules = [
      trimmedMean({ f: 2 }),
      median(),
      geometricMedian(),
      multiKrum({ f: 2 }),
      multiKrum({ f: 1 }),
    ];
    const together = await aggregateAll(sources, rules, { backend });
    expect(times()).toEqual(Array(9).fill(2));
    for (const [k, rule] of rules.entries()) {
      const alone = await aggregate(fit, rule);
      expect(together[k]!.value).toEqual(alone.value);
      expect(together[k]!.clients).toEqual(alone.clients);
      expect(together[k]!.rule).toBe(rule.name);
    }
  });
});

describe('a sink that can restart', () => {
  function collecting() {
    const values: number[] = [];
    const events: string[] = [];
    return {
      values,
      events,
      options: {
        sink: (part: Float32Array, from: number, to: number) => {
          values.push(...part);
          events.push(`${from}–${to}`);
        },
        restart: () => {
          values.length = 0;
          events.push('restart');
        },
        onScreened: ({ rows, complete }: ScreenReport) => {
          events.push(`${rows} rows, ${complete ? 'complete' : 'assumed'}`);
        },
      },
    };
  }

  test('is not asked to where all rows are fit', async () => {
    const { values, events, options } = collecting();
    const { times, sources, backend } = counted(fit);
    await aggregate(sources, median(), { backend, ...options });
    expect(times()).toEqual(Array(9).fill(1));
    expect(events).toEqual(['9 rows, assumed', '0–500', '9 rows, complete']);
    expect(values).toEqual([...(await aggregate(fit, median())).value]);
  });

  test('is asked to where one is not, and gets the others alone', async () => {
    const { values, events, options } = collecting();
    await aggregate(spoilt, median(), { backend: await make(), ...options });
    expect(events).toEqual(['9 rows, assumed', '0–500', 'restart', '8 rows, complete', '0–500']);
    expect(values).toEqual([...(await aggregate(without4, median())).value]);
  });

  test('fails with what it throws itself, once, whatever rows are unfit', async () => {
    const { options } = collecting();
    const full = new Error('no space left');
    const sink = vi.fn(() => Promise.reject(full));
    const attempt = aggregate(spoilt, median(), { ...options, sink });
    await expect(attempt).rejects.toBe(full);
    expect(sink).toHaveBeenCalledTimes(1);
  });

  test('fails with what its other functions throw', async () => {
    const { options } = collecting();
    const onScreened = (): void => {
      throw new TypeError('nobody listens');
    };
    const restart = (): void => {
      throw new TypeError('nothing can be taken back');
    };
    await expect(aggregate(spoilt, median(), { ...options, onScreened })).rejects.toThrow('nobody');
    await expect(aggregate(spoilt, median(), { ...options, restart })).rejects.toThrow('nothing');
  });
});

describe('a failure of the rule', () => {
  /** A rule of a caller's own that does not expect what the screen keeps out. */
  const strict: Rule = {
    name: 'strict',
    laws: [],
    minClients: 1,
    async apply(x, ops) {
      const { squaredNorms } = await ops.screen(x);
      if (!squaredNorms.every(Number.isFinite)) throw new TypeError('strict saw a row too much');
      return { value: ops.rankMean(x, 0, x.rows) };
    },
  };

  test('that an unfit row caused is not the outcome', async () => {
    const { value } = await aggregate(spoilt, strict);
    expect(value).toEqual((await aggregate(without4, strict)).value);
  });

  test('that no row caused is', async () => {
    const broken: Rule = {
      ...strict,
      apply: () => Promise.reject(new TypeError('broken for all')),
    };
    await expect(aggregate(fit, broken)).rejects.toThrow('broken for all');
    await expect(aggregate(spoilt, broken)).rejects.toThrow('broken for all');
  });

  test('for want of clients names whom the screen excluded', async () => {
    const few = withOneSpoilt(fit.slice(0, 7), 4);
    const error = await aggregate(few, multiKrum({ f: 2 })).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(AggregationError);
    expect(String(error)).toMatch(/got 6; the screen excluded 1 of 7 updates: "4"/);
  });

  test('of one among several is the outcome of all', async () => {
    await expect(aggregateAll(fit, [median(), multiKrum({ f: 7 })])).rejects.toThrow('multi-krum');
  });
});

test.each([
  ['a sink', { sink: () => {} }],
  ['a buffer', { output: {} as GPUBuffer }],
])('aggregateAll refuses %s, which can hold one result', async (_, options) => {
  await expect(aggregateAll(fit, [median()], options as object)).rejects.toThrow(
    'sink and output are for',
  );
});

test.each([[{}], [null]])('a backend that is none is refused: %s', async (backend) => {
  const attempt = aggregate(fit, median(), { backend: backend as never });
  await expect(attempt).rejects.toThrow('backend must be a name or come from createBackend');
});

test.each([
  ['no array', { rules: median() }, TypeError, 'rules must be an array'],
  ['no rule', { rules: [] }, RangeError, 'at least one rule'],
  ['a factory', { rules: [median] }, TypeError, 'rule must be a rule'],
])('aggregateAll refuses %s', async (_, { rules }, kind, message) => {
  const attempt = aggregateAll(fit, rules as never);
  await expect(attempt).rejects.toBeInstanceOf(kind);
  await expect(aggregateAll(fit, rules as never)).rejects.toThrow(message);
});

test('half-precision rows reach the backend as they are', async () => {
  const seen: string[] = [];
  class Looking extends ReferenceKernels {
    override upload(...args: Parameters<ReferenceKernels['upload']>): Promise<Tile> {
      seen.push(...args[0].map((row) => ('half' in row ? row.half!.format : 'f32')));
      return super.upload(...args);
    }
  }
  const half = { format: 'bf16', read: () => {} } as const;
  const read: HostRow['read'] = (_from, _to, into) => void into.fill(2);
  const updates = [{ cols: 3, read, half }, Float32Array.of(2, 2, 2)];
  await aggregate(updates, median(), { backend: new Engine(new Looking()) });
  expect(new Set(seen)).toEqual(new Set(['bf16', 'f32']));
});

test('of a crowd of equal updates each names the first few others and counts the rest', async () => {
  const crowd = Array.from({ length: 12 }, () => Float32Array.of(1, 2));
  const { clients } = await aggregate(crowd, median());
  const others = (...names: string[]): string =>
    `same-content: equal to the update of ${names.map((name) => `"${name}"`).join(', ')} and 6 more`;
  expect(clients[0]!.reasons).toEqual([others('01', '02', '03', '04', '05')]);
  expect(clients[11]!.reasons).toEqual([others('00', '01', '02', '03', '04')]);
});

test('rows in memory on wasm hear the signal before they are all read', async () => {
  const kernels = await WasmKernels.create();
  // Three shards of one block each, of which the first goes out while the second is read.
  Object.defineProperty(kernels, 'shardBytes', { value: 3 * 4 * 65_536 });
  const rows = randomRows(3, 140_000, 22);
  const controller = new AbortController();
  const { signal } = controller;
  let calls = 0;
  const sink = (): void => {
    calls++;
    controller.abort(new Error('enough'));
  };
  await using backend = new Engine(kernels);
  const attempt = aggregate(rows, median(), { backend, signal, sink, restart: () => {} });
  await expect(attempt).rejects.toThrow('enough');
  expect(calls).toBe(1);
});
