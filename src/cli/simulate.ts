/**
 * `aggregis simulate`: a federated training under attack, what `npm start` runs.
 *
 * @module
 */

import { join } from 'node:path';
import { Command } from 'commander';
import type { BackendChoice } from '../backend/create.ts';
import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import { assertInteger, assertOneOf } from '../core/assert.ts';
import { AggregationError, BackendError, FormatError } from '../core/errors.ts';
import { loadData } from '../lab/data-files.ts';
import type { TrainTest } from '../lab/dataset.ts';
import { type CrossCheck, crossCheck, expectations } from '../lab/findings.ts';
import { drawDigits } from '../lab/glyphs.ts';
import { type NamedAttack, type NamedRule, namedAttack, namedRule } from '../lab/named.ts';
import { createRandom } from '../lab/random-tmp.ts';
import {
  describeBackend,
  describeSetting,
  formatSummary,
  liveLines,
  painter,
  type Summary,
  toJson,
} from '../lab/report.ts';
import { prepareRunFolder, writeRunFolder } from '../lab/run-folder.ts';
import { CONTROL, type Progress, simulate } from '../lab/simulate.ts';

const DEFAULT_ATTACK = 'sign-flip:scale=4';
const TRAIN_SIZE = 3000;
const TEST_SIZE = 1000;
/** Where progress is not redrawn, a line for each so many rounds. */
const ROUNDS_PER_LINE = 5;

const EXIT_CODES = `
Exit codes:
  0  done, and with the default attack: the mean broke and NNM + trimmed mean held
  1  done, but under the default attack one of them did not
  2  an argument or a data file is not what it should be, or the backend cannot run here`;

/** Options as commander gives them. */
interface Arguments {
  readonly clients: string;
  readonly attackers: string;
  readonly attack: string;
  readonly rules?: readonly string[];
  readonly rounds: string;
  readonly seed: string;
  readonly data?: string;
  readonly backend: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** What was asked for, checked. */
interface Plan {
  readonly clients: number;
  readonly attackers: number;
  readonly attack: string;
  readonly namedAttack: NamedAttack | undefined;
  readonly rules: readonly NamedRule[];
  readonly rounds: number;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly folder: string;
  readonly json: boolean;
}

/** The command, to be added to the program. */
export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description('train a model by federated learning under attack, once for each rule')
    .option('--clients <n>', 'clients in all', '20')
    .option('--attackers <f>', 'how many of them attack', '5')
    .option('--attack <spec>', 'what attackers send, such as alie:tau=1.5, or none', DEFAULT_ATTACK)
    .option(
      '--rules <spec...>',
      'rules to compare (default: mean median trimmed-mean:f=F multi-krum:f=F nnm:f=F+trimmed-mean:f=F with F attackers)',
    )
    .option('--rounds <n>', 'rounds of training', '25')
    .option('--seed <n>', 'fixes data, partition, model and batches', '1')
    .option(
      '--data <path>',
      'MNIST IDX files or their folder, or a CSV(.gz) with the label last (default: drawn digits)',
    )
    .option('--backend <name>', 'auto, reference or webgpu', 'auto')
    .option('--out <folder>', 'new folder for the run (default: runs/<time>)')
    .option('--json', 'print one JSON object and nothing else')
    .addHelpText('after', EXIT_CODES);
  return command.action(async (given: Arguments) => {
    try {
      const passed = await run(given);
      if (!passed) process.exitCode = 1;
    } catch (error) {
      if (!isCallersMistake(error)) throw error;
      command.error(`error: ${error.message}`, { exitCode: 2 });
    }
  });
}

/** Whether everything that was expected came true. */
async function run(given: Arguments): Promise<boolean> {
  const plan = readPlan(given);
  const data = await named('--data', () => readData(given.data, plan.seed));
  await named('--out', () => prepareRunFolder(plan.folder));
  await using backend = await named('--backend', () => createBackend(plan.backend));
  announce(plan, { data, backend });
  const result = await simulate({
    ...plan,
    attack: plan.namedAttack,
    data,
    backend,
    onRound: plan.json ? undefined : progressTo(process.stderr, plan.rules),
  });
  const checked = await checkElsewhere(result, { rules: plan.rules, backend });
  const judged = plan.attack === DEFAULT_ATTACK && plan.attackers > 0;
  const summary: Summary = { result, judged, ...checked };
  await writeRunFolder(plan.folder, summary);
  const paint = painter(hasColours(process.stdout));
  const text = plan.json
    ? JSON.stringify({ ...toJson(summary), folder: plan.folder }, undefined, 2)
    : `\n${formatSummary(summary, paint)}\n\nWritten to ${plan.folder}: open report.html, or aggregate updates/*.safetensors.`;
  process.stdout.write(`${text}\n`);
  return !judged || expectations(result).every(({ met }) => met);
}

// What was asked

function readPlan(given: Arguments): Plan {
  const clients = integer('--clients', given.clients, 1, 10_000);
  const attackers = integer('--attackers', given.attackers, 0, clients - 1);
  const specs = given.rules ?? defaultRules(attackers);
  const words = ['auto', 'reference', 'webgpu'] as const;
  return {
    clients,
    attackers,
    attack: given.attack,
    namedAttack:
      given.attack === 'none' ? undefined : option('--attack', () => namedAttack(given.attack)),
    rules: specs.map((spec) => option('--rules', () => rule(spec, clients))),
    rounds: integer('--rounds', given.rounds, 1, 100_000),
    seed: integer('--seed', given.seed, 0, 2 ** 32 - 1),
    backend: assertOneOf('--backend', given.backend as BackendChoice, words),
    folder: given.out ?? join('runs', new Date().toISOString().replace(/[:.]/g, '-')),
    json: given.json ?? false,
  };
}

function defaultRules(f: number): string[] {
  return [
    'mean',
    'median',
    `trimmed-mean:f=${f}`,
    `multi-krum:f=${f}`,
    `nnm:f=${f}+trimmed-mean:f=${f}`,
  ];
}

function rule(spec: string, clients: number): NamedRule {
  const found = namedRule(spec);
  const { minClients } = found.rule;
  if (minClients <= clients) return found;
  throw new RangeError(`${spec} needs at least ${minClients} clients, got ${clients}`);
}

function integer(name: string, text: string, min: number, max: number): number {
  // Number('') is 0, and so is Number(' ').
  return assertInteger(name, /^\d+$/.test(text) ? Number(text) : Number.NaN, min, max);
}

/** Errors of `make` with the name of the option in front. */
function option<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw withName(name, error);
  }
}

async function named<T>(name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    throw withName(name, error);
  }
}

function withName(name: string, cause: unknown): unknown {
  if (!isCallersMistake(cause)) return cause;
  return new RangeError(`${name}: ${cause.message}`, { cause });
}

/** Errors that the caller can mend: about arguments, files and machines, not about our code. */
function isCallersMistake(error: unknown): error is Error {
  return (
    error instanceof FormatError ||
    error instanceof BackendError ||
    error instanceof RangeError ||
    (error instanceof TypeError && error.message.startsWith('--')) ||
    (error instanceof AggregationError && ['bad-spec', 'constraint'].includes(error.code)) ||
    (error instanceof Error && 'syscall' in error)
  );
}

async function readData(path: string | undefined, seed: number): Promise<TrainTest> {
  const random = createRandom(seed);
  if (path !== undefined) return loadData(path, { random });
  return {
    source: 'drawn digits',
    train: drawDigits(TRAIN_SIZE, random),
    test: drawDigits(TEST_SIZE, random),
  };
}

// What is said on the way

function hasColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}

function announce(plan: Plan, { data, backend }: { data: TrainTest; backend: Backend }): void {
  if (plan.json) return;
  const sizes = { source: data.source, train: data.train.size, test: data.test.size };
  process.stderr.write(
    `${describeSetting({ ...plan, data: sizes })}\nbackend ${describeBackend(backend.info)}\n\n`,
  );
}

/** Writes the live table: on a terminal every round, redrawn, elsewhere every fifth. */
function progressTo(
  stream: NodeJS.WriteStream,
  rules: readonly NamedRule[],
): (progress: Progress) => void {
  const live = liveLines([CONTROL, ...rules.map(({ name }) => name)]);
  stream.write(`${live.titles}\n`);
  return (progress) => {
    const { round, rounds } = progress;
    const stays = round % ROUNDS_PER_LINE === 0 || round === rounds;
    if (stream.isTTY) {
      const line = live.line(progress).slice(0, stream.columns - 1);
      stream.write(`\r\x1b[2K${line}${stays ? '\n' : ''}`);
    } else if (stays) stream.write(`${live.line(progress)}\n`);
  };
}

/** The last round once more on a GPU, emulated or not, or on the reference if that was the GPU. */
async function checkElsewhere(
  result: Summary['result'],
  { rules, backend }: { readonly rules: readonly NamedRule[]; readonly backend: Backend },
): Promise<{ readonly crossCheck: CrossCheck } | { readonly noCrossCheck: string }> {
  const name = backend.info.name === 'webgpu' ? 'reference' : 'webgpu';
  try {
    await using other = await createBackend(name);
    return { crossCheck: await crossCheck(result, { rules, backend, other }) };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return { noCrossCheck: error.message };
  }
}
