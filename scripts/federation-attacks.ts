/**
 * Measures what colluding attackers do to federations, and writes docs/attacks-on-federations.md.
 *
 *     npm run build
 *     npx tsx scripts/federation-attacks.ts --data digits.csv.gz --built [--seeds 5] [--processes some]
 *
 * Each attack is first aimed at each pipeline, its screen included; then it is measured under other seeds.
 * All cells are measured in one process, with the rounds, the screen and the store of `aggregis serve`.
 * With `--processes some` those of the first pipeline, and the worst attack of each other one, are measured
 * once more with `aggregis serve` and twenty `aggregis join`, `all` measures all of them so, `none` none.
 *
 * What was measured is in bench/results/federation-attacks.ndjson, and not measured again: a command that is
 * interrupted goes on where it was, with the same words. `--again` forgets all of it. The page is written when a
 * command ends, from all that was measured so far. Without `--data`, digits are drawn by the program.
 * `--only` takes pipelines and cells, such as `fedavg,nnm-trimmed-mean/alie`. `--built` runs the command line
 * that was built, which starts faster. Of runs with processes `runs/attacks` holds the report, or what
 * `--reports` names; `--keep FOLDER` keeps their folders.
 *
 * On two cores a run takes 5 s in one process and 15 to 30 s with processes, in all some two hours.
 *
 * @module
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import { loadData } from '../src/lab/data-files.ts';
import type { TrainTest } from '../src/lab/dataset.ts';
import {
  ATTACKS,
  type AttackFamily,
  type AttackOutcome,
  type AttackRun,
  aim,
  attackInProcess,
  type Deed,
  meanQuality,
  PIPELINES,
  type Pipeline,
  SETTING,
} from '../src/lab/federation-attacks.ts';
import { drawDigits } from '../src/lab/glyphs.ts';
import { streamOf } from '../src/lab/sampling.ts';
import { pageOf } from './federation-attacks-page.ts';
import { type Cell, Results } from './federation-attacks-results.ts';
import { attackWithProcesses } from './federation-processes.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/attacks-on-federations.md');
const BUILT = join(ROOT, 'dist/cli/main.js');
const RESULTS = join(ROOT, 'bench/results/federation-attacks.ndjson');
/** Attacks are aimed under these seeds, which are not among those that are reported. */
const AIMING_SEEDS = [1001, 1002];
/** What twenty clients share where the program draws their digits, as `aggregis join` does. */
const DRAWN = { train: 3000, test: 1000 } as const;
const TIMEOUT_MS = 20 * 60_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    processes: { type: 'string', default: 'some' },
    only: { type: 'string' },
    reports: { type: 'string', default: join(ROOT, 'runs/attacks') },
    keep: { type: 'string' },
    built: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
  },
});
const seeds = Array.from({ length: count('seeds', values.seeds) }, (_, i) => i + 1);
if (!['none', 'some', 'all'].includes(values.processes)) {
  throw new RangeError(`--processes must be none, some or all, got ${values.processes}`);
}
if (values.built && !existsSync(BUILT)) throw new Error(`${BUILT} is missing: run npm run build`);
const wanted = wantedCells(values.only);
const source = values.data === undefined ? 'drawn digits' : basename(values.data);
const results = Results.open(RESULTS, {
  source,
  setting: SETTING,
  aimingSeeds: AIMING_SEEDS,
  families: ATTACKS,
  again: values.again,
});
const folder = mkdtempSync(join(tmpdir(), 'aggregis-attacks-'));
// With patience: those that were killed just now may still write.
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
// Ends like anything: with the processes that were started, and without the folder.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await using backend = await createBackend('wasm', { threads: 1 });

for (const pipeline of PIPELINES) {
  await measureAll(pipeline, 'none', 'one process');
  for (const family of ATTACKS) {
    if (isWanted(pipeline, family.name)) await aimAt(pipeline, family);
    await measureAll(pipeline, family.name, 'one process');
  }
}
for (const pipeline of PIPELINES) {
  for (const attack of withProcesses(pipeline)) await measureAll(pipeline, attack, 'processes');
}
writeFileSync(PAGE, pageOf(results));
say(`written: ${PAGE}`);

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new RangeError(`--${name} must be a positive integer, got ${text}`);
}

/** Pipelines, and `pipeline/attack`. */
function wantedCells(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const attacks = ['none', ...ATTACKS.map(({ name }) => name)];
  const known = PIPELINES.flatMap(({ name }) => [name, ...attacks.map((one) => `${name}/${one}`)]);
  const stray = text.split(',').find((word) => !known.includes(word));
  if (stray === undefined) return new Set(text.split(','));
  throw new RangeError(`--only knows ${known.join(', ')}; got ${stray}`);
}

function isWanted({ name }: Pipeline, attack: string): boolean {
  return wanted === undefined || wanted.has(name) || wanted.has(`${name}/${attack}`);
}

/** Attacks that are also measured with processes. */
function withProcesses(pipeline: Pipeline): string[] {
  if (values.processes === 'none') return [];
  if (values.processes === 'all' || pipeline === PIPELINES[0]) {
    return ['none', ...ATTACKS.map(({ name }) => name)];
  }
  const runs = results.runs.filter(
    ({ how, ...run }) =>
      how === 'one process' && run.pipeline === pipeline.name && run.attack !== 'none',
  );
  if (runs.length === 0) return [];
  return [runs.reduce((least, run) => (run.accuracy < least.accuracy ? run : least)).attack];
}

async function dataOf(seed: number): Promise<TrainTest> {
  const random = streamOf(seed, 'data');
  if (values.data !== undefined) return await loadData(values.data, { random });
  const test = drawDigits(DRAWN.test, streamOf(seed, 'test'));
  return { source, train: drawDigits(DRAWN.train, random), test };
}

async function runOf(pipeline: Pipeline, deed: Deed | undefined, seed: number): Promise<AttackRun> {
  return { pipeline, deed, setting: SETTING, seed, data: await dataOf(seed) };
}

async function aimAt(pipeline: Pipeline, family: AttackFamily): Promise<void> {
  if (results.aim(pipeline.name, family.name) !== undefined) return;
  const found = await aim(family, async (deed) => {
    const outcomes: AttackOutcome[] = [];
    for (const seed of AIMING_SEEDS) {
      outcomes.push(await attackInProcess(await runOf(pipeline, deed, seed), { folder, backend }));
    }
    return meanQuality(outcomes);
  });
  const { name: attack, deeds } = family;
  results.addAim({ pipeline: pipeline.name, attack, deeds, ...found });
  const tried = found.tried.map((accuracy) => (100 * accuracy).toFixed(1)).join(' ');
  say(`${pipeline.name} / ${attack}: aimed ${JSON.stringify(found.deed)} of ${tried}`);
}

async function measureAll(pipeline: Pipeline, attack: string, how: Cell['how']): Promise<void> {
  if (!isWanted(pipeline, attack)) return;
  const deed = results.aim(pipeline.name, attack)?.deed;
  for (const seed of seeds) {
    const cell: Cell = { pipeline: pipeline.name, attack, seed, how };
    if (results.run(cell) !== undefined) continue;
    const start = performance.now();
    const outcome = await measure(await runOf(pipeline, deed, seed), cell);
    const seconds = Math.round((performance.now() - start) / 1000);
    results.addRun({ ...cell, ...(deed && { deed }), ...outcome, seconds });
    const percent = (100 * outcome.accuracy).toFixed(1);
    say(`${pipeline.name} / ${attack} / ${seed}: ${percent} % (${how}, ${seconds} s)`);
  }
}

async function measure(run: AttackRun, { attack, how }: Cell): Promise<AttackOutcome> {
  if (how === 'one process') return attackInProcess(run, { folder, backend });
  const name = `${run.pipeline.name}-${attack}-${run.seed}`;
  const own = join(values.keep ?? folder, name);
  // A run that was interrupted left it.
  rmSync(own, { recursive: true, force: true });
  mkdirSync(values.reports, { recursive: true });
  const outcome = await attackWithProcesses(run, {
    folder: own,
    report: join(values.reports, `${name}.html`),
    dataFile: values.data,
    program: values.built ? BUILT : undefined,
    timeoutMs: TIMEOUT_MS,
    warn: say,
  });
  if (values.keep === undefined) rmSync(own, { recursive: true, force: true });
  return outcome;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
