/**
 * Writes the figures that README.md quotes, out of the report of a benchmark.
 *
 *     npx tsx scripts/bench-table.ts [--measure | --check] [REPORT.json]
 *
 * REPORT is bench/results/cpu.json by default; with `--measure` it is taken anew first, which needs a
 * quiet machine and a quarter of an hour (others as `aggregis bench --peers` finds them). With `--check`
 * nothing is written, and the exit code is 1 if README.md is not up to date.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { groupsOf, type Ratio } from '../src/lab/bench/ratios.ts';
import { duration, factor, grouped, type Report } from '../src/lab/bench/report.ts';

const ROOT = join(import.meta.dirname, '..');
const README = join(ROOT, 'README.md');
const BEGIN = '<!-- figures: written by scripts/bench-table.ts -->';
const END = '<!-- /figures -->';
/** What is measured for the README. */
const WORDS = [
  'bench',
  '--only',
  'threads',
  'together',
  'sums',
  'peers',
  '--threads',
  '1',
  'all',
  '--json',
];

const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));
const path = resolve(
  process.argv.slice(2).find((word) => !word.startsWith('--')) ??
    join(ROOT, 'bench/results/cpu.json'),
);

function measure(): void {
  const loader = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')];
  const { status } = spawnSync(process.execPath, [...loader, ...WORDS, path], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** One row: a rule of ours, and everybody who was measured beside it. */
function rowOf(ratios: readonly Ratio[]): string {
  const { work, n, d, count, backend, ours } = ratios[0]!;
  const others = ratios.map(({ theirs, their, ratio }) => {
    const name = nameOf(theirs);
    return `${name} ${duration(their!.median)} (**${factor(ratio!)}**)`;
  });
  const place = `${backend}, ${count} thread${count === 1 ? '' : 's'}`;
  const cells = [work, `${n} × ${grouped(d)}`, place, duration(ours!.median), others.join(', ')];
  return `| ${cells.join(' | ')} |`;
}

const NAMES: Readonly<Record<string, string>> = {
  numpy: 'NumPy',
  byzfl: 'ByzFL',
  flower: 'Flower',
};

/** `byzfl TrMean` → `ByzFL TrMean`; a strong baseline by its idea, as work and shape stand before it. */
function nameOf(theirs: string): string {
  const idea = /^strong .*\((.*)\)$/.exec(theirs)?.[1];
  if (idea?.startsWith('torch')) return `PyTorch ${idea}`;
  if (idea !== undefined) return `NumPy at its best (${idea})`;
  return theirs.replace(/^\w+/, (word) => NAMES[word] ?? word);
}

function figuresOf(report: Report): string {
  const { machine, ratios = [], timings, started } = report;
  const measured = ratios.filter(({ ratio }) => ratio !== undefined);
  if (measured.length === 0) throw new Error(`${path} holds no ratio; run with --measure`);
  const rows = groupsOf(measured).map((group) => rowOf(group as Ratio[]));
  const median = (mode: string): number | undefined =>
    timings.find((one) => one.question === 'together' && one.mode === mode)?.seconds?.median;
  const [all, single] = [median('together'), median('one by one')];
  const together =
    all === undefined || single === undefined
      ? []
      : ['', `Five rules by one call: ${duration(all)} instead of ${duration(single)}.`];
  return [
    `${machine.cpu}, ${machine.cores} threads, ${machine.runtime}, ${started.slice(0, 10)}; medians of runs that`,
    'took turns, f32 rows in memory. In brackets, their time over ours. Our result goes into an array',
    'that is there, theirs into a new one.',
    '',
    '| work | n × d | ours on | ours | theirs |',
    '|---|---|---|---|---|',
    ...rows,
    ...together,
  ].join('\n');
}

if (flags.includes('--measure')) measure();
const readme = readFileSync(README, 'utf8');
const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
if (from < 0 || to < from) throw new Error(`README.md must hold ${BEGIN} and ${END}`);
const figures = existsSync(path)
  ? figuresOf(JSON.parse(readFileSync(path, 'utf8')) as Report)
  : 'No figures have been taken yet.';
const updated = `${readme.slice(0, from)}${BEGIN}\n${figures}\n${readme.slice(to)}`;
if (!flags.includes('--check')) writeFileSync(README, updated);
else if (updated !== readme) {
  console.error('README.md is not up to date; run: npx tsx scripts/bench-table.ts');
  process.exitCode = 1;
}
