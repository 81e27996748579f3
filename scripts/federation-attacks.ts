/**
 * Measures what colluding attackers do to federations, and writes docs/attacks-on-federations.md.
 *
 *     npx tsx scripts/federation-attacks.ts --data digits.csv.gz [--seeds 5] [--processes some] [--built]
 *
 * Each attack is first aimed at each pipeline, its screen included; then it is measured under other seeds.
 * All cells are measured in one process, with the rounds, the screen and the store of `aggregis serve`.
 * With `--processes some` those of the first pipeline, and the worst attack of each other one, are measured
 * once more with `aggregis serve` and twenty `aggregis join`, `all` measures all of them so, `none` none.
 *
 * What was measured is kept in bench/results/federation-attacks.json, and not measured again: an
 * interrupted command goes on where it was. `--again` begins anew. Without `--data`, digits are drawn by the
 * program. `--only PIPELINE/ATTACK,…` and `--rounds` are for trying. `--keep FOLDER` keeps the folders of runs
 * with processes, for `aggregis report`. Takes an hour or two; `--built` runs the built command line, which
 * starts faster.
 *
 * @module
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  PIPELINES,
  type Pipeline,
  SETTING,
  type Setting,
} from '../src/lab/federation-attacks.ts';
import { drawDigits } from '../src/lab/glyphs.ts';
import { streamOf } from '../src/lab/sampling.ts';
import { type Measured, pageOf, type Results } from './federation-attacks-page.ts';
import { attackWithProcesses } from './federation-processes.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/attacks-on-federations.md');
const RESULTS = join(ROOT, 'bench/results/federation-attacks.json');
/** Attacks are aimed under this seed, which is not among those that are reported. */
const AIMING_SEED = 1001;
/** What twenty clients share where the program draws their digits, as `aggregis join` does. */
const DRAWN = { train: 3000, test: 1000 } as const;
const TIMEOUT_MS = 20 * 60_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: String(SETTING.rounds) },
    processes: { type: 'string', default: 'some' },
    only: { type: 'string' },
    keep: { type: 'string' },
    built: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
  },
});
const seeds = Array.from({ length: count('seeds', values.seeds) }, (_, i) => i + 1);
const setting: Setting = { ...SETTING, rounds: count('rounds', values.rounds) };
if (!['none', 'some', 'all'].includes(values.processes)) {
  throw new RangeError(`--processes must be none, some or all, got ${values.processes}`);
}
const wanted = values.only?.split(',');
const source = values.data === undefined ? 'drawn digits' : basename(values.data);
const results = known();
const folder = mkdtempSync(join(tmpdir(), 'aggregis-attacks-'));
await using backend = await createBackend('wasm', { threads: 1 });

try {
  for (const pipeline of PIPELINES) {
    if (isWanted(pipeline, 'none')) await measureAll(pipeline, 'none', undefined, 'one process');
    for (const family of ATTACKS) {
      if (!isWanted(pipeline, family.name)) continue;
      await measureAll(pipeline, family.name, await aimed(pipeline, family), 'one process');
    }
  }
  for (const pipeline of PIPELINES) {
    for (const attack of withProcesses(pipeline)) {
      if (!isWanted(pipeline, attack)) continue;
      const deed = results.aims.find(
        (one) => one.pipeline === pipeline.name && one.attack === attack,
      )?.deed;
      await measureAll(pipeline, attack, deed, 'processes');
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
writeFileSync(PAGE, pageOf(results));
process.stdout.write(`written: ${PAGE}\n`);

function count(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new RangeError(`--${name} must be a positive integer, got ${text}`);
}

/** What was measured before, if it was the same that is to be measured now. */
function known(): Results {
  const families = ATTACKS;
  const anew = { source, setting, families, aims: [], runs: [] };
  if (values.again || !existsSync(RESULTS)) return anew;
  const found = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
  const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  if (found.source !== source || !isSame(found.setting, setting)) return anew;
  const holds = ({ attack }: { readonly attack: string }): boolean => {
    const before = found.families.find(({ name }) => name === attack);
    const now = families.find(({ name }) => name === attack);
    return isSame(before, now);
  };
  return { ...anew, aims: found.aims.filter(holds), runs: found.runs.filter(holds) };
}

function keep(): void {
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
}

function isWanted({ name }: Pipeline, attack: string): boolean {
  return wanted === undefined || wanted.includes(`${name}/${attack}`);
}

/** Attacks that are also measured with processes. */
function withProcesses(pipeline: Pipeline): string[] {
  const all = ['none', ...ATTACKS.map(({ name }) => name)];
  if (values.processes === 'none') return [];
  if (values.processes === 'all' || pipeline === PIPELINES[0]) return all;
  const worst = results.runs
    .filter((run) => run.pipeline === pipeline.name && run.attack !== 'none')
    .reduce<Measured | undefined>(
      (least, run) => (least && least.accuracy <= run.accuracy ? least : run),
      undefined,
    );
  return worst === undefined ? [] : [worst.attack];
}

async function dataOf(seed: number): Promise<TrainTest> {
  const random = streamOf(seed, 'data');
  if (values.data !== undefined) return await loadData(values.data, { random });
  const test = drawDigits(DRAWN.test, streamOf(seed, 'test'));
  return { source, train: drawDigits(DRAWN.train, random), test };
}

async function runOf(pipeline: Pipeline, deed: Deed | undefined, seed: number): Promise<AttackRun> {
  return { pipeline, deed, setting, seed, data: await dataOf(seed) };
}

/** The deed of a family that harms a pipeline most. */
async function aimed(pipeline: Pipeline, family: AttackFamily): Promise<Deed> {
  const before = results.aims.find(
    (one) => one.pipeline === pipeline.name && one.attack === family.name,
  );
  if (before !== undefined) return before.deed;
  const found = await aim(family, async (deed) =>
    attackInProcess(await runOf(pipeline, deed, AIMING_SEED), { folder, backend }),
  );
  results.aims.push({ pipeline: pipeline.name, attack: family.name, ...found });
  keep();
  const tried = found.tried.map((accuracy) => (100 * accuracy).toFixed(1)).join(' ');
  say(`${pipeline.name} / ${family.name}: aimed ${JSON.stringify(found.deed)} of ${tried}`);
  return found.deed;
}

async function measureAll(
  pipeline: Pipeline,
  attack: string,
  deed: Deed | undefined,
  how: Measured['how'],
): Promise<void> {
  for (const seed of seeds) {
    const cell = { pipeline: pipeline.name, attack, seed, how };
    const isThere = results.runs.some((run) =>
      (Object.keys(cell) as (keyof typeof cell)[]).every((key) => run[key] === cell[key]),
    );
    if (isThere) continue;
    const start = performance.now();
    const outcome = await measure(await runOf(pipeline, deed, seed), { attack, how });
    const seconds = Math.round((performance.now() - start) / 1000);
    results.runs.push({ ...cell, ...(deed && { deed }), ...outcome });
    keep();
    const percent = (100 * outcome.accuracy).toFixed(1);
    say(`${pipeline.name} / ${attack} / ${seed}: ${percent} % (${how}, ${seconds} s)`);
  }
}

async function measure(
  run: AttackRun,
  { attack, how }: Pick<Measured, 'attack' | 'how'>,
): Promise<AttackOutcome> {
  if (how === 'one process') return attackInProcess(run, { folder, backend });
  const place = values.keep ?? folder;
  const options = {
    folder: join(place, `${run.pipeline.name}-${attack}-${run.seed}`),
    dataFile: values.data,
    built: values.built,
    timeoutMs: TIMEOUT_MS,
  };
  return attackWithProcesses(run, options);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
