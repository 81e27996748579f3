/**
 * Reading the configuration of a run: every key is known, every value is in its range, the parts go
 * together. What is wrong is said all at once, each with its path.
 *
 * @module
 */

import { z } from 'zod';
import { show } from '../core/assert.ts';
import { AggregationError, FormatError } from '../core/errors.ts';
import { ACCOUNTANT_NAMES } from '../privacy/accountants/all.ts';
import { allRules } from '../rules/full-list.ts';
import { parseRule } from '../rules/spec.ts';
import { type CompositionReport, checkComposition } from './composition.ts';
import { reputationOptions } from './reputation.ts';
import type { RunConfig, RunConfigInput } from './run-config.ts';

/** Something wrong with a configuration. */
export interface ConfigProblem {
  /** Keys with dots between them, places in lists in brackets; empty for the whole. */
  readonly path: string;
  readonly reason: string;
}

/** A configuration that was read. */
export interface CheckedConfig {
  readonly config: RunConfig;
  /** What its parts mean together. */
  readonly composition: CompositionReport;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MAX_COUNT = 2 ** 20;

const count = z.int().min(1).max(MAX_COUNT);
const positive = z.number().positive();
const share = z.number().min(0).lt(1);
const probability = z.number().positive().lt(1);
const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const seconds = z
  .number()
  .positive()
  .max(30 * 24 * 3600);
const spec = z.string().min(1);

const selectionCommon = {
  from: z.enum(['enrolled', 'present']).default('present'),
  overSelection: z.number().min(1).max(10).default(1),
  where: z.record(z.string(), z.string()).exactOptional(),
  seed: z.int().min(0).exactOptional(),
};

const selection = z.discriminatedUnion('scheme', [
  z.strictObject({ scheme: z.literal('everybody'), ...selectionCommon }),
  z.strictObject({ scheme: z.literal('uniform'), count, ...selectionCommon }),
  z.strictObject({
    scheme: z.literal('poisson'),
    rate: z
      .number()
      .min(2 ** -32)
      .max(1),
    ...selectionCommon,
  }),
  z.strictObject({ scheme: z.literal('reputation'), count, ...selectionCommon }),
]);

const round = z.strictObject({
  wanted: count.exactOptional(),
  quorum: z.int().min(0).max(MAX_COUNT).exactOptional(),
  closing: z.enum(['all', 'wanted']).default('all'),
  lateJoin: z.boolean().default(false),
  collectSeconds: seconds.default(600),
  processingSeconds: seconds.default(600),
  maxFailures: count.default(5),
});

const enrolment = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('allow-list'), keys: z.array(key).min(1).max(MAX_COUNT) }),
  z.strictObject({
    kind: z.literal('certificate'),
    authority: key,
    federation: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 lower-case hexadecimal digits'),
  }),
  z.strictObject({ kind: z.literal('open') }),
]);

const privacy = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('central'),
    relation: z.enum(['add-remove', 'replace-one', 'zero-out']),
    clipNorm: positive,
    noiseMultiplier: positive,
    epsilon: positive,
    delta: probability,
    accountant: z.enum(ACCOUNTANT_NAMES).default('rdp'),
    noise: z.enum(['server', 'shares']).default('server'),
    secrecy: z
      .strictObject({
        participation: z.enum(['hidden', 'visible']),
        adversary: z.enum(['outsider', 'server']),
        reason: z.string().min(1),
      })
      .exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('local'),
    mechanism: z.enum(['laplace', 'duchi-vector', 'priv-unit']),
    epsilon: positive,
    clipNorm: positive,
  }),
]);

const secureCommon = {
  clip: positive,
  corrupt: share.default(0.1),
  dropout: share.default(0.1),
  minSum: z.int().min(3).max(MAX_COUNT).default(16),
};

const secure = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sagg1'), ...secureCommon }),
  z.strictObject({
    kind: z.literal('groups'),
    groupSize: z.int().min(3).max(MAX_COUNT),
    byzantine: z.int().min(0).max(MAX_COUNT).default(0),
    ...secureCommon,
  }),
]);

const screen = z.strictObject({
  maxNorm: positive.exactOptional(),
  replay: z.boolean().exactOptional(),
  comparisons: z.boolean().exactOptional(),
});

const detectors = z.strictObject({
  use: spec,
  act: z.enum(['report', 'exclude']).default('report'),
  f: z.int().min(0).exactOptional(),
});

const reputation = z.strictObject({
  evidence: z.enum(['content', 'conduct']).default('conduct'),
  halfLife: z.number().exactOptional(),
  recovery: z.number().exactOptional(),
  quarantineBelow: z.number().exactOptional(),
  releaseAt: z.number().exactOptional(),
  quarantineRounds: z.number().exactOptional(),
  itemCap: z.number().exactOptional(),
  roundCap: z.number().exactOptional(),
  leastWeight: z.number().exactOptional(),
});

const reports = z.strictObject({
  public: z.boolean().default(false),
  clients: z.boolean().default(true),
});

const wire = z.strictObject({
  dtypes: z
    .array(z.enum(['F32', 'F16', 'BF16', 'I8']))
    .min(1)
    .refine((types) => new Set(types).size === types.length, 'must name each type once')
    .default(['F32', 'F16', 'BF16']),
  chunkBytes: z
    .int()
    .min(512 * KIB)
    .max(4 * MIB)
    .refine((bytes) => Number.isInteger(Math.log2(bytes)), 'must be a power of two')
    .default(4 * MIB),
});

const limits = z.strictObject({
  clients: count.default(10_000),
  updateBytes: z
    .int()
    .min(1)
    .default(4 * GIB),
  samplesCap: z.int().min(1).default(10_000),
  creditBytes: z
    .int()
    .min(4 * MIB)
    .default(256 * MIB),
  creditBytesEach: z
    .int()
    .min(4 * MIB)
    .default(16 * MIB),
  requestsPerSecond: positive.default(50),
});

const schema: z.ZodType<RunConfig> = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be 1 to 64 lower-case letters, digits and dashes')
    .default('run'),
  model: z.string().min(1),
  rule: spec,
  optimizer: spec.default('fed-avg'),
  rounds: z.int().min(1),
  selection: selection.default({ scheme: 'everybody', from: 'present', overSelection: 1 }),
  round: round.prefault({}),
  enrolment,
  privacy: privacy.exactOptional(),
  secure: secure.exactOptional(),
  screen: screen.default({}),
  detectors: detectors.exactOptional(),
  reputation: reputation.exactOptional(),
  training: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).exactOptional(),
  reports: reports.prefault({}),
  wire: wire.prefault({}),
  limits: limits.prefault({}),
});

/** The configuration itself, with types to complete and check it: for `aggregis.config.ts`. */
export function defineConfig(config: RunConfigInput): RunConfigInput {
  return config;
}

/** JSON Schema (2020-12) of a configuration as it is written down, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input' }), title: 'A run of Aggregis' };
}

/**
 * The configuration with its defaults, or all that is wrong with it.
 *
 * SPECs of optimisers and names of detectors are checked by whoever has their lists: `checks` returns what
 * is wrong with them.
 */
export function checkConfig(
  value: unknown,
  checks: (config: RunConfig) => readonly ConfigProblem[] = () => [],
): CheckedConfig | { readonly problems: readonly ConfigProblem[] } {
  const result = schema.safeParse(value, { error: sentence, reportInput: true });
  if (!result.success) {
    return { problems: result.error.issues.flatMap(problemsOf) };
  }
  const config = withQuorum(result.data);
  const composition = checkComposition(config);
  const problems = [...rangeProblems(config), ...composition.problems, ...checks(config)];
  return problems.length > 0 ? { problems } : { config, composition };
}

/**
 * The configuration with its defaults.
 *
 * @throws {FormatError} `malformed`, one line for each thing that is wrong: its path, what was needed,
 *   what came.
 */
export function parseConfig(
  value: unknown,
  checks?: (config: RunConfig) => readonly ConfigProblem[],
): CheckedConfig {
  const result = checkConfig(value, checks);
  if ('config' in result) return result;
  const lines = result.problems.map(({ path, reason }) =>
    path === '' ? reason : `${path}: ${reason}`,
  );
  throw new FormatError('malformed', `the configuration cannot be run:\n  ${lines.join('\n  ')}`);
}

/** With noise at the server, who is missing counts as zero, and no round fails for it. */
function withQuorum(config: RunConfig): RunConfig {
  const { privacy, round } = config;
  const central = privacy?.kind === 'central' && privacy.noise === 'server';
  return { ...config, round: { ...round, quorum: round.quorum ?? (central ? 0 : 1) } };
}

/** What the schema cannot say: SPECs, and options that depend on each other. */
function rangeProblems({ rule, reputation, limits }: RunConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const tried = (path: string, act: () => unknown): void => {
    try {
      act();
    } catch (cause) {
      const expected = [AggregationError, TypeError, RangeError].some((E) => cause instanceof E);
      if (!expected) throw cause;
      problems.push({ path, reason: (cause as Error).message });
    }
  };
  tried('rule', () => parseRule(rule, allRules));
  if (reputation !== undefined) {
    const { evidence: _, ...options } = reputation;
    tried('reputation', () => reputationOptions(options));
  }
  if (limits.creditBytesEach > limits.creditBytes) {
    const reason = `must be at most limits.creditBytes, ${limits.creditBytes}, got ${limits.creditBytesEach}`;
    problems.push({ path: 'limits.creditBytesEach', reason });
  }
  return problems;
}

/** A key too many is a problem at its own path. */
function problemsOf(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') {
    // Messages that stand beside a check of the schema do not know what came.
    const isOwn = issue.code === 'invalid_format' || issue.code === 'custom';
    const reason = isOwn ? `${issue.message}, got ${show(issue.input)}` : issue.message;
    return [{ path: pathOf(issue.path), reason }];
  }
  return issue.keys.map((name) => ({
    path: pathOf([...issue.path, name]),
    reason: 'there is no such key',
  }));
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** What was needed, and what came. */
function sentence(issue: z.core.$ZodRawIssue): string | undefined {
  const came = show(issue.input);
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is missing: ${kind(issue.expected)} is needed`;
      return `must be ${kind(issue.expected)}, got ${came}`;
    case 'too_small':
      return `must be ${bound(issue, issue.inclusive === false ? 'above' : 'at least', issue.minimum)}, got ${came}`;
    case 'too_big':
      return `must be ${bound(issue, issue.inclusive === false ? 'below' : 'at most', issue.maximum)}, got ${came}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}, got ${came}`;
    case 'invalid_union': {
      const name = String(issue.discriminator ?? 'kind');
      const options = (issue as { options?: readonly unknown[] }).options ?? [];
      return `${name} must be one of ${options.map(String).join(', ')}`;
    }
    default:
      return undefined;
  }
}

function bound(
  { origin }: { readonly origin: string },
  word: string,
  limit: number | bigint,
): string {
  if (origin === 'string')
    return limit === 1 ? 'a text that is not empty' : `${word} ${limit} characters`;
  return origin === 'array' ? `a list of ${word} ${limit}` : `${word} ${limit}`;
}

function kind(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    int: 'an integer',
    object: 'an object',
    array: 'a list',
    record: 'an object',
    boolean: 'true or false',
  };
  return names[expected] ?? `a ${expected}`;
}
