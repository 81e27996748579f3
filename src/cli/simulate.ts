/**
 * `aggregis simulate`: a federated training under attack, what `npm start` runs.
 *
 * @module
 */

import { join } from 'node:path';
import type { WriteStream } from 'node:tty';
import { Command } from 'commander';
import { attacks } from '../attacks/list.ts';
import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import { AggregationError, BackendError } from '../core/errors.ts';
import { loadData } from '../lab/data-files.ts';
import type { TrainTest } from '../lab/dataset.ts';
import { type CrossCheck, crossCheck, expectations } from '../lab/findings.ts';
import { drawDigits } from '../lab/glyphs.ts';
import { type NamedAttack, type NamedRule, namedAttack, namedRule } from '../lab/named.ts';
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
import { streamOf } from '../lab/sampling.ts';
import { CONTROL, type Progress, type SimulationResult, simulate } from '../lab/simulate.ts';
import {
  type BackendFlags,
  backendOption,
  backendOptionsOf,
  parseCount,
  parsePositive,
  parseShare,
  parseWhole,
  threadsOption,
} from './arguments.ts';
import { EXIT_CODES, ofOption, UsageError } from './failure.ts';
import { ATTACKING_SHARE, PRIVATE_DEFAULTS, runPrivately } from './simulate-private.ts';
import { runSecurely, SECURE_ROUNDS } from './simulate-secure.ts';

const DEFAULT_ATTACK = 'sign-flip:scale=4';
const TRAIN_SIZE = 3000;
const TEST_SIZE = 1000;
/** Where progress is not redrawn, a line for each so many rounds. */
const ROUNDS_PER_LINE = 5;

/** The options as commander gives them. */
interface Flags extends BackendFlags {
  readonly clients: number;
  readonly attackers: number;
  readonly attack: string;
  readonly rules?: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly data?: string;
  readonly out?: string;
  readonly crossCheck: boolean;
  readonly json?: true;
  /** With it, rounds are released privately. */
  readonly epsilon?: number;
  readonly delta: number;
  readonly clipNorm: number;
  readonly cohort: number;
  /** With it, the server sees sums alone. */
  readonly secure?: true;
  readonly dropout: number;
}

const DETAILS = `
Without --data, the digits are drawn by the program: ${TRAIN_SIZE} to train, ${TEST_SIZE} to test, 16×16 pixels. --data
takes a CSV or CSV.gz with the label in the last column, or a folder with MNIST's IDX files (or one of
them). Examples are dealt out unevenly, by a Dirichlet distribution over labels.

Each rule trains a model of its own; one more is trained by the mean of the honest clients alone. In
each round every rule also aggregates the updates sent to the last rule's model, and the distance to
the honest mean is reported. The last round is aggregated again on another backend: on a GPU, emulated
if need be, or on the CPU in another way.

Default rules, with F attackers: mean, median, trimmed-mean:f=F, multi-krum:f=F and
nnm:f=F+trimmed-mean:f=F.
Attacks: ${attacks.map(({ name }) => name).join(', ')}, or none.

With the default attack on the drawn digits two things are expected: the mean ends below 40 %, and
NNM + trimmed mean within 5 points of the mean without attackers. If not, the exit code is 1.

With --epsilon, each client is hidden in what is released, and what that costs is shown: every rule
trains once without noise and once with what the promise takes. Defaults are then ${PRIVATE_DEFAULTS.clients} clients, of which
a fifth attacks, ${PRIVATE_DEFAULTS.rounds} rounds, digits of 8×8 pixels, and trimmed-mean with and without nnm before it; f is
what a cohort hardly ever exceeds. It takes some minutes.

With --secure, nobody attacks and the server sees nothing but sums: clients mask their updates, and in
each round a part of them drops out, at another stage of the protocol from round to round. Each sum is
held against the plain one; if one differs, the exit code is 1. The default is then ${SECURE_ROUNDS} rounds.
`;

/** The command. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .summary('train under attack with several rules, and see which of them hold')
    .description('Trains a model by federated learning under attack, once for each rule.')
    .option('--clients <n>', 'clients in all', parseCount, 20)
    .option('--attackers <n>', 'how many of them attack', parseWhole, 5)
    .option('--attack <spec>', 'what attackers send, e.g. alie:tau=1.5', DEFAULT_ATTACK)
    .option('--rules <spec...>', 'the rules to compare')
    .option('--rounds <n>', 'rounds of training', parseCount, 20)
    .option('--seed <n>', 'fixes data, partition, model and batches', parseWhole, 1)
    .option('--data <path>', 'train on these files instead of drawn digits')
    .addOption(backendOption('where to aggregate'))
    .addOption(threadsOption())
    .option('--out <folder>', 'a new folder for the run (default: runs/<time>)')
    .option('--no-cross-check', 'do not aggregate the last round on another backend')
    .option('--epsilon <e>', 'hide each client, and show what it costs', parsePositive)
    .option('--delta <d>', 'with --epsilon: chance that the promise fails', parsePositive, 1e-5)
    .option('--clip-norm <c>', 'with --epsilon: longest update', parsePositive, 1)
    .option(
      '--cohort <m>',
      'with --epsilon: clients in a round, by lot',
      parseCount,
      PRIVATE_DEFAULTS.cohort,
    )
    .option('--secure', 'aggregate securely: the server sees sums alone')
    .option(
      '--dropout <share>',
      'with --secure: clients that drop out, each round',
      parseShare,
      0.2,
    )
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES)
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const given = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  const { epsilon } = flags;
  if (epsilon !== undefined) {
    const other = ['data', 'out', 'crossCheck', 'secure', 'dropout'].find(given);
    if (other !== undefined) throw new UsageError(`--epsilon does not go with --${dashed(other)}`);
    const clients = given('clients') ? flags.clients : PRIVATE_DEFAULTS.clients;
    const share = Math.round(ATTACKING_SHARE * clients);
    await runPrivately({
      ...flags,
      epsilon,
      clients,
      attackers: given('attackers') ? flags.attackers : share,
      rounds: given('rounds') ? flags.rounds : PRIVATE_DEFAULTS.rounds,
    });
    return;
  }
  const idle = ['delta', 'clipNorm', 'cohort'].find(given);
  if (idle !== undefined) throw new UsageError(`--${dashed(idle)} goes with --epsilon alone`);
  if (flags.secure) {
    const other = ['attackers', 'attack', 'rules', 'out', 'crossCheck'].find(given);
    if (other !== undefined) throw new UsageError(`--secure does not go with --${dashed(other)}`);
    const rounds = given('rounds') ? flags.rounds : SECURE_ROUNDS;
    await runSecurely({ ...flags, rounds }, await readData(flags));
    return;
  }
  if (given('dropout')) throw new UsageError('--dropout goes with --secure alone');
  const { attack, rules } = castOf(flags);
  const data = await readData(flags);
  const folder = flags.out ?? join('runs', new Date().toISOString().replace(/[:.]/g, '-'));
  await prepareRunFolder(folder);
  await using backend = await createBackend(flags.backend, backendOptionsOf(flags));
  if (!flags.json) process.stderr.write(opening(flags, { data, backend }));
  const onRound = flags.json ? undefined : progressOn(process.stderr, rules);
  const result = await simulate({ ...flags, attack, rules, data, backend, onRound });
  const judged =
    flags.attack === DEFAULT_ATTACK && flags.data === undefined && result.attackers.length > 0;
  const check = flags.crossCheck ? await checkElsewhere(result, { rules, backend }) : {};
  const summary = { result, judged, ...check };
  await writeRunFolder(folder, summary);
  process.stdout.write(flags.json ? jsonOf(summary, folder) : closing(summary, folder));
  if (judged && expectations(result).some(({ met }) => !met)) process.exitCode = 1;
}

/** An option's name as it is written; `--no-cross-check` is told by what it denies. */
function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Who plays which part, checked before any work is done. */
function castOf(flags: Flags): { attack: NamedAttack | undefined; rules: NamedRule[] } {
  const { clients, attackers: f } = flags;
  if (f >= clients) {
    throw new UsageError(`--attackers must be fewer than --clients (${clients}), got ${f}`);
  }
  const specs = flags.rules ?? [
    'mean',
    'median',
    `trimmed-mean:f=${f}`,
    `multi-krum:f=${f}`,
    `nnm:f=${f}+trimmed-mean:f=${f}`,
  ];
  const twice = specs.find((spec, i) => specs.indexOf(spec) < i);
  if (twice !== undefined) throw new UsageError(`--rules names ${twice} twice`);
  return {
    attack:
      flags.attack === 'none' ? undefined : ofOption('--attack', () => namedAttack(flags.attack)),
    rules: specs.map((spec) => ofOption('--rules', () => admitted(namedRule(spec), clients))),
  };
}

function admitted(named: NamedRule, clients: number): NamedRule {
  const { minClients } = named.rule;
  if (minClients <= clients) return named;
  throw new RangeError(`${named.name} needs at least ${minClients} clients, got ${clients}`);
}

async function readData({ data, seed, clients }: Flags): Promise<TrainTest> {
  const random = streamOf(seed, 'data');
  const read =
    data === undefined
      ? {
          source: 'drawn digits',
          train: drawDigits(TRAIN_SIZE, random),
          test: drawDigits(TEST_SIZE, random),
        }
      : await loadData(data, { random });
  if (clients > read.train.size) {
    throw new UsageError(
      `--clients must be at most the ${read.train.size} examples to train on, got ${clients}`,
    );
  }
  return read;
}

/** The last round once more, on another backend. */
async function checkElsewhere(
  result: SimulationResult,
  { rules, backend }: { readonly rules: readonly NamedRule[]; readonly backend: Backend },
): Promise<{ readonly crossCheck: CrossCheck } | { readonly noCrossCheck: string }> {
  try {
    await using other = await anotherBackend(backend);
    return { crossCheck: await crossCheck(result, { rules, backend, other }) };
  } catch (error) {
    const expected = error instanceof BackendError || error instanceof AggregationError;
    if (!expected) throw error;
    return { noCrossCheck: error.message };
  }
}

/** A GPU, emulated or not, or else one on the CPU; never the same again. */
async function anotherBackend({ info }: Backend): Promise<Backend> {
  const others = (['webgpu', 'reference', 'wasm'] as const).filter((name) => name !== info.name);
  try {
    return await createBackend(others[0]!);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    return createBackend(others[1]!);
  }
}

// What is said

function opening(flags: Flags, { data, backend }: { data: TrainTest; backend: Backend }): string {
  const sizes = { source: data.source, train: data.train.size, test: data.test.size };
  const setting = describeSetting({ ...flags, data: sizes });
  return `${setting}\nbackend ${describeBackend(backend.info)}\n\n`;
}

/** Writes the live table: on a terminal the current round, redrawn; elsewhere every fifth. */
function progressOn(
  stream: WriteStream,
  rules: readonly NamedRule[],
): (progress: Progress) => void {
  const live = liveLines([CONTROL, ...rules.map(({ name }) => name)]);
  stream.write(`${live.titles}\n`);
  return (progress) => {
    const { round, rounds } = progress;
    const stays = round % ROUNDS_PER_LINE === 0 || round === rounds;
    const end = stays ? '\n' : '';
    // A line longer than the window would wrap, and then only its last part be redrawn.
    const line = live.line(progress);
    if (stream.isTTY) stream.write(`\r\u001b[K${line.slice(0, stream.columns - 1)}${end}`);
    else if (stays) stream.write(`${line}\n`);
  };
}

function closing(summary: Summary, folder: string): string {
  const colours = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const text = formatSummary(summary, painter(colours));
  return `\n${text}\n\nWritten to ${folder}: report.html, and updates/ for aggregis aggregate.\n`;
}

function jsonOf(summary: Summary, folder: string): string {
  return `${JSON.stringify({ ...toJson(summary), folder })}\n`;
}
