/**
 * Writes the table of detection rates into docs/detection.md: for each attack, how many updates of
 * attackers are suspected and how many of honest clients, whose labels are dealt out by a Dirichlet
 * distribution of parameter 0.1.
 *
 *     npx tsx scripts/detection-table.ts --data digits.csv.gz [--seeds 3] [--rounds 20]
 *
 * Without `--data`, digits are drawn by the program. Takes minutes. The seeds are not those that the
 * thresholds were chosen with.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import { loadData } from '../src/lab/data-files.ts';
import { type Dataset, type TrainTest, takeExamples } from '../src/lab/dataset.ts';
import { type DetectionOptions, type Rates, ratesOver } from '../src/lab/detection.ts';
import { drawDigits } from '../src/lab/glyphs.ts';
import { streamOf } from '../src/lab/sampling.ts';

const PAGE = join(import.meta.dirname, '../docs/detection.md');
const BEGIN = '<!-- rates: written by scripts/detection-table.ts -->';
const END = '<!-- /rates -->';

const SIZES = [10, 20, 40];
const ROOT_EXAMPLES = 100;
/** Away from the seeds of the calibration, which are below 1000. */
const FIRST_SEED = 5000;

/** What attackers send, and what a reader should know of it. */
const ATTACKS: readonly (readonly [spec: string, from: number, what: string])[] = [
  ['none', 1, 'nobody attacks'],
  ['sign-flip', 1, 'the honest mean, reversed'],
  ['sign-flip:scale=4', 1, 'four times as long'],
  ['sign-flip', 8, 'honest for 7 rounds, then reversed'],
  ['ipm:tau=0.1', 1, 'a tenth of the mean, reversed'],
  ['gaussian:std-dev=1', 1, 'noise of norm 50'],
  ['gaussian:std-dev=0.1', 1, 'noise of the usual norm'],
  ['alie:tau=4', 1, 'mean plus four deviations'],
  ['alie:tau=1.5', 1, 'mean plus 1.5 deviations'],
  ['alie', 1, 'mean plus the paper’s z, 0.2 or less'],
  ['mimic', 1, 'copies of one honest client'],
  ['inf', 1, 'infinities: the screen’s'],
];

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '20' },
  },
});
const [seeds, rounds] = [Number(values.seeds), Number(values.rounds)];
if (!Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(rounds) || rounds < 1) {
  throw new RangeError('--seeds and --rounds must be positive integers');
}
const data = await dataOf(values.data);
const name = values.data === undefined ? 'drawn digits' : basename(values.data);
await using backend = await createBackend('wasm', { threads: 1 });

function* trainings(
  [attack, from]: (typeof ATTACKS)[number],
  root: Dataset | undefined,
): Generator<DetectionOptions> {
  for (let k = 0; k < seeds; k++) {
    for (const clients of SIZES) {
      const seed = FIRST_SEED + 100 * k + clients;
      const attackers = Math.floor(clients / 5);
      const shared = { data: data.train, clients, attackers, attack, from, rounds, seed, backend };
      yield { ...shared, training: { alpha: 0.1 }, ...(root && { root }) };
    }
  }
}

const lines: string[] = [];
for (const attack of ATTACKS) {
  const plain = await ratesOver(trainings(attack, undefined));
  const rooted = await ratesOver(trainings(attack, rootOf(data.test)));
  const [spec, from, what] = attack;
  const title = from > 1 ? `\`${spec}\` from round ${from}` : `\`${spec}\``;
  const line = `| ${title} | ${what} | ${cellsOf(plain)} | ${cellsOf(rooted)} |`;
  console.log(line);
  lines.push(line);
}
write(lines);

/** A dataset as it stands in a file, or one that is drawn. */
async function dataOf(path: string | undefined): Promise<TrainTest> {
  const random = streamOf(1, 'split');
  if (path !== undefined) return await loadData(path, { random });
  const [train, test] = [drawDigits(1500, random), drawDigits(300, random)];
  return { source: 'drawn digits', train, test };
}

function rootOf(test: Dataset): Dataset {
  const count = Math.min(ROOT_EXAMPLES, test.size);
  return takeExamples(
    test,
    Array.from({ length: count }, (_, i) => i),
  );
}

function cellsOf({ honest, falseAlarms, hostile, found }: Rates): string {
  const percent = (part: number, whole: number): string =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
  return `${percent(found, hostile)} | ${percent(falseAlarms, honest)}`;
}

function write(rows: readonly string[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${PAGE} must hold ${BEGIN} and ${END}`);
  const head = [
    `${seeds} trainings of ${rounds} rounds each with ${SIZES.join(', ')} clients, a fifth of them attackers; ${name}.`,
    '',
    '| attack | what it sends | found | false alarms | found, with a root update | false alarms |',
    '|---|---|---|---|---|---|',
  ];
  const section = `${BEGIN}\n${[...head, ...rows].join('\n')}\n`;
  writeFileSync(PAGE, page.slice(0, from) + section + page.slice(to));
}
