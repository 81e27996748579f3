import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/core/errors.ts';
import {
  checkConfig,
  configJsonSchema,
  defineConfig,
  parseConfig,
} from '../../src/federation/config.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { servedProblems, servedWarnings } from '../../src/federation/served-config.ts';

const KEY = 'ab'.repeat(32);
const PLAIN: RunConfigInput = defineConfig({
  model: 'model.safetensors',
  rule: 'nnm:f=2+trimmed-mean:f=2',
  rounds: 20,
  enrolment: { kind: 'allow-list', keys: [KEY] },
  selection: { scheme: 'uniform', count: 10 },
});

function problems(changes: Record<string, unknown>): string[] {
  const result = checkConfig({ ...PLAIN, ...changes });
  return 'problems' in result
    ? result.problems.map(({ path, reason }) => `${path}: ${reason}`)
    : [];
}

describe('a configuration', () => {
  test('gets its defaults', () => {
    const { config, composition } = parseConfig(PLAIN);
    expect(config).toMatchObject({
      name: 'run',
      optimizer: 'fed-avg',
      selection: { scheme: 'uniform', count: 10, from: 'present', overSelection: 1 },
      round: { closing: 'all', quorum: 1, lateJoin: false, collectSeconds: 600 },
      wire: { dtypes: ['F32', 'F16', 'BF16'], chunkBytes: 2 ** 22 },
      reports: { public: false, clients: true },
    });
    expect(composition).toMatchObject({ modes: ['plain'], problems: [], notes: [] });
  });

  test('says everything that is wrong, with its path', () => {
    expect(() =>
      parseConfig({
        ...PLAIN,
        rounds: 0,
        rulle: 'median',
        selection: { scheme: 'uniform', count: 2.5, of: 3 },
        wire: { chunkBytes: 700_000, dtypes: ['F64'] },
        enrolment: { kind: 'allow-list', keys: [KEY, 'nonsense'] },
      }),
    ).toThrow(
      new FormatError(
        'malformed',
        [
          'the configuration cannot be run:',
          'rounds: must be at least 1, got 0',
          'selection.count: must be an integer, got 2.5',
          'selection.of: there is no such key',
          'enrolment.keys[1]: must be 64 lower-case hexadecimal digits, got "nonsense"',
          'wire.dtypes[0]: must be one of F32, F16, BF16, I8, got "F64"',
          'wire.chunkBytes: must be a power of two, got 700000',
          'rulle: there is no such key',
        ].join('\n  '),
      ),
    );
  });

  test.each([
    [{ rounds: undefined }, 'rounds: is missing: a number is needed'],
    [{ rounds: '20' }, 'rounds: must be a number, got "20"'],
    [{ model: '' }, 'model: must be a text that is not empty, got ""'],
    [{ name: 'Über' }, 'name: must be 1 to 64 lower-case letters, digits and dashes, got "Über"'],
    [
      { selection: { scheme: 'lottery' } },
      'selection.scheme: scheme must be one of everybody, uniform, poisson, reputation',
    ],
    [{ round: { quorum: -1 } }, 'round.quorum: must be at least 0, got -1'],
    [{ round: null }, 'round: must be an object, got null'],
    [{ secure: { kind: 'sagg1', clip: 1, corrupt: 1 } }, 'secure.corrupt: must be below 1, got 1'],
    [{ wire: { dtypes: [] } }, 'wire.dtypes: must be a list of at least 1, got an array of 0'],
    [
      { rule: 'trimmed-means:f=2' },
      'rule: no rule is called "trimmed-means"; did you mean trimmed-mean?',
    ],
    [{ reputation: { halfLife: 0 } }, 'reputation: halfLife must be above 0, got 0'],
    [
      { limits: { creditBytesEach: 2 ** 30 } },
      'limits.creditBytesEach: must be at most limits.creditBytes, 268435456',
    ],
  ])('with %j is refused', (changes, message) => {
    expect(problems(changes).join('\n')).toContain(message);
  });

  test('that is none at all is refused', () => {
    for (const value of [null, 3, 'run', [], undefined])
      expect(() => parseConfig(value)).toThrow(FormatError);
  });

  test('is checked against lists that others have', () => {
    const checks = () => [{ path: 'optimizer', reason: 'no optimiser is called "adam"' }];
    expect(checkConfig(PLAIN, checks)).toEqual({ problems: checks() });
  });

  test('has a JSON Schema in which keys with defaults are optional and unknown ones are errors', () => {
    const schema = configJsonSchema();
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      additionalProperties: false,
      required: ['model', 'rule', 'rounds', 'enrolment'],
    });
    expect(Object.keys(schema.properties as object)).toContain('privacy');
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });
});

describe('a rule that needs 11 clients', () => {
  const served = (changes: Partial<RunConfigInput>) => {
    const { selection: _, ...rest } = PLAIN;
    const open = { kind: 'open' } as const;
    const value = { ...rest, rule: 'trimmed-mean:f=5', enrolment: open, ...changes };
    const result = checkConfig(value, servedProblems);
    if ('config' in result) return servedWarnings(result.config);
    return result.problems.map(({ path, reason }) => `${path}: ${reason}`);
  };
  const refusal = (rows: number, because: string): string[] => [
    `rule: trimmed-mean:f=5 needs 11 rows, and no round has more than ${rows}: ${because}`,
  ];

  test.each<[Partial<RunConfigInput>, number, string]>([
    [{ selection: { scheme: 'uniform', count: 10 } }, 10, 'selection.count is 10'],
    [
      { selection: { scheme: 'uniform', count: 5, overSelection: 2 } },
      10,
      'selection.count is 5, of 2 times as many',
    ],
    [
      {
        selection: { scheme: 'uniform', count: 10, overSelection: 2 },
        round: { closing: 'wanted' },
      },
      10,
      'it closes with the 10 that are wanted',
    ],
    [{ round: { wanted: 2, closing: 'wanted' } }, 2, 'it closes with the 2 that are wanted'],
    [{ limits: { clients: 10 } }, 10, 'limits.clients is 10'],
    [{ enrolment: { kind: 'allow-list', keys: [KEY] } }, 1, 'enrolment.keys lists 1'],
  ])('is refused with %j, which never has as many', (changes, rows, because) => {
    expect(served(changes)).toEqual(refusal(rows, because));
  });

  test('is served where a round may have more than it waits for, with a warning', () => {
    const warning = [
      'rounds are for 2 clients, which make 2 rows, and trimmed-mean:f=5 needs 11: ' +
        'a round in which no more take part fails',
    ];
    expect(served({ round: { wanted: 2 } })).toEqual(warning);
    const selection = { scheme: 'uniform', count: 2 } as const;
    expect(served({ selection, round: { lateJoin: true } })).toEqual(warning);
  });

  test('is served without a word where it gets them', () => {
    expect(served({})).toEqual([]);
    expect(served({ round: { wanted: 11, closing: 'wanted' } })).toEqual([]);
    expect(served({ selection: { scheme: 'uniform', count: 11 } })).toEqual([]);
    expect(served({ limits: { clients: 11 } })).toEqual([]);
  });
});

test('a sum of more clients than a round is for is refused, with both numbers', () => {
  const secure = { kind: 'sagg1', clip: 1, minSum: 16 } as const;
  const value = (wanted: number) => ({
    ...PLAIN,
    rule: 'mean',
    selection: { scheme: 'everybody' },
    secure,
    round: { wanted },
  });
  const result = checkConfig(value(15), servedProblems);
  expect(result).toEqual({
    problems: [{ path: 'secure.minSum', reason: 'must be at most round.wanted, 15, got 16' }],
  });
});
