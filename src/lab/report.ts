/**
 * A simulation for the terminal and for programs: live lines, tables, JSON.
 *
 * @module
 */

import type { BackendInfo } from '../backend/kernels.ts';
import type { CourseOutcome } from './course.ts';
import { type CrossCheck, type Expectation, expectations, leftOut, percent } from './findings.ts';
import { CONTROL, type Progress, type SimulationResult } from './simulate.ts';

/** How a piece of text is to be seen. */
export type Tone = 'plain' | 'good' | 'bad' | 'faint' | 'strong';

/** Gives text a tone; the identity where there are no colours. */
export type Paint = (text: string, tone: Tone) => string;

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  good: '\x1b[32m',
  bad: '\x1b[31m',
  faint: '\x1b[2m',
  strong: '\x1b[1m',
};

/** Colours for a terminal, by ANSI codes; none for anything else. */
export function painter(colours: boolean): Paint {
  if (!colours) return (text) => text;
  return (text, tone) => (tone === 'plain' ? text : `${CODES[tone]}${text}\x1b[0m`);
}

/** A cell of a table; text alone is plain. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** A column of a table. Numbers go to the right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** A table in plain Unicode: a title line, a rule, and rows, two spaces between columns. */
export function formatTable(
  columns: readonly Column[],
  { rows, paint }: { readonly rows: readonly (readonly Cell[])[]; readonly paint: Paint },
): string {
  const text = (cell: Cell) => (typeof cell === 'string' ? cell : cell.text);
  const widths = columns.map(({ title }, c) =>
    Math.max(title.length, ...rows.map((row) => text(row[c] ?? '').length)),
  );
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, c) => {
        const width = widths[c]!;
        const padded = columns[c]!.right ? text(cell).padStart(width) : text(cell).padEnd(width);
        return typeof cell === 'string' ? padded : paint(padded, cell.tone);
      })
      .join('  ')
      .trimEnd();
  const titles = line(columns.map(({ title }) => ({ text: title, tone: 'strong' })));
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [titles, paint(rule, 'faint'), ...rows.map(line)].join('\n');
}

/** A SPEC without its options, for narrow places: `nnm+trimmed-mean`. */
export function shortName(name: string): string {
  return name === CONTROL ? 'no attackers' : name.replace(/:[^+]*/g, '');
}

/** The live part of a report: a table that grows by a line for each round. */
export interface LiveLines {
  /** The titles, to be written before the first round. */
  readonly titles: string;
  line(progress: Progress): string;
}

/** Lines for the courses with these names. */
export function liveLines(names: readonly string[]): LiveLines {
  const widths = names.map((name) => Math.max(7, shortName(name).length));
  return {
    titles: ['round', ...names.map((name, i) => shortName(name).padStart(widths[i]!))].join('  '),
    line: ({ round, courses }) =>
      [
        String(round).padStart(5),
        ...courses.map(({ accuracy }, i) => percent(accuracy).padStart(widths[i]!)),
      ].join('  '),
  };
}

/** Which backend on which adapter, and whether that GPU is a real one. */
export function describeBackend({ name, adapter, software }: BackendInfo): string {
  const emulated = name === 'webgpu' && software;
  return `${name} (${adapter}${emulated ? ', emulated on the CPU' : ''})`;
}

/** What is about to be simulated, in one line. */
export function describeSetting(setting: {
  readonly data: SimulationResult['data'];
  readonly clients: number;
  readonly attackers: number;
  readonly attack: string;
  readonly seed: number;
}): string {
  const { data, clients, attackers, attack, seed } = setting;
  const cast =
    attack === 'none' || attackers === 0
      ? `${clients} clients, none of them attacks`
      : `${clients} clients, ${attackers} of them ${attackers === 1 ? 'attacks' : 'attack'} by ${attack}`;
  return `${data.source}: ${data.train} examples to train, ${data.test} to test · ${cast} · seed ${seed}`;
}

/** The end of a simulation: tables, cross-check and verdict. */
export interface Summary {
  readonly result: SimulationResult;
  /** The last round on another backend … */
  readonly crossCheck?: CrossCheck;
  /** … or why there is none. */
  readonly noCrossCheck?: string;
  /** Whether the run is one that {@link expectations} speak of. */
  readonly judged: boolean;
}

/** The final tables for a terminal. */
export function formatSummary(summary: Summary, paint: Paint): string {
  const { result } = summary;
  return [
    `Test accuracy after ${result.rounds} rounds, each rule training its own model; points: against no attackers`,
    accuracyTable(result, paint),
    comparisonText(result, paint),
    `Aggregated on ${describeBackend(result.backend)}, ${result.seconds.toFixed(1)} s in all.`,
    crossCheckText(summary),
    summary.judged ? verdictText(expectations(result), paint) : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function accuracyTable(result: SimulationResult, paint: Paint): string {
  const control = result.courses[0]!.final.accuracy;
  const rows = result.courses.map((course): Cell[] => {
    const { accuracy, loss } = course.final;
    const gap = accuracy - control;
    const out = leftOut(course, result.attackers);
    return [
      course.name,
      { text: percent(accuracy), tone: gap > -0.05 ? 'good' : 'bad' },
      course.name === CONTROL ? '' : points(gap),
      Number.isFinite(loss) ? loss.toFixed(3) : 'infinite',
      describeLeftOut(out?.attackers, result.attackers.length, course),
      describeLeftOut(out?.honest, result.cohort.names.length - result.attackers.length, course),
      ...(course.stopped
        ? [{ text: `stopped in round ${course.stopped.round}`, tone: 'bad' as const }]
        : []),
    ];
  });
  return formatTable(
    [
      { title: 'rule' },
      { title: 'accuracy', right: true },
      { title: 'points', right: true },
      { title: 'loss', right: true },
      { title: 'attackers left out' },
      { title: 'honest left out' },
      ...(result.courses.some(({ stopped }) => stopped) ? [{ title: 'note' }] : []),
    ],
    { rows, paint },
  );
}

/** A signed difference of shares in percentage points, with a true minus sign. */
function points(difference: number): string {
  const text = Math.abs(100 * difference).toFixed(1);
  return text === '0.0' ? text : `${difference < 0 ? '−' : '+'}${text}`;
}

function describeLeftOut(
  names: readonly string[] | undefined,
  among: number,
  course: CourseOutcome,
): string {
  if (among === 0 || !course.attacked) return '–';
  if (names === undefined) return 'by coordinate';
  return names.length === 0 ? `0 of ${among}` : `${names.length} of ${among}: ${ranges(names)}`;
}

/** Client numbers in short: `01–05, 09`. */
export function ranges(names: readonly string[]): string {
  const numbers = names.map((name) => name.replace(/^client-/, ''));
  const runs: string[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run && Number(number) === Number(run.at(-1)) + 1) run.push(number);
    else runs.push([number]);
  }
  return runs
    .map((run) => (run.length < 3 ? run.join(', ') : `${run[0]}–${run.at(-1)}`))
    .join(', ');
}

function comparisonText(result: SimulationResult, paint: Paint): string {
  const rows = result.comparisons.map(({ name, deviations }) => {
    const seen = deviations.filter(Number.isFinite);
    const show = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(3));
    return [
      name,
      show(seen.at(-1)),
      show(seen.length > 0 ? seen.reduce((a, b) => a + b, 0) / seen.length : undefined),
      show(seen.length > 0 ? Math.max(...seen) : undefined),
    ];
  });
  const table = formatTable(
    [
      { title: 'rule' },
      { title: 'last round', right: true },
      { title: 'mean', right: true },
      { title: 'worst', right: true },
    ],
    { rows, paint },
  );
  return `The same updates under every rule (those sent to ${result.yardstick}):
distance from the mean of the honest updates, as a share of its length; less is better
${table}`;
}

/** What another backend made of the last round, in a sentence; empty if none was asked. */
export function crossCheckText({ crossCheck, noCrossCheck }: Summary): string {
  if (!crossCheck) {
    return noCrossCheck ? `No other backend has checked the last round: ${noCrossCheck}` : '';
  }
  const worst = crossCheck.differences.reduce((a, b) => (b.relative > a.relative ? b : a));
  return (
    `The last round again on ${describeBackend(crossCheck.backend)}: ` +
    `largest relative difference ${worst.relative.toExponential(1)} (${worst.name}).`
  );
}

function verdictText(found: readonly Expectation[], paint: Paint): string {
  return found
    .map(({ statement, met }) =>
      met ? paint(`✓ ${statement}`, 'good') : paint(`✗ expected: ${statement}`, 'bad'),
    )
    .join('\n');
}

/** The shape of `--json` and of `run.json`. */
export function toJson({
  result,
  crossCheck,
  noCrossCheck,
  judged,
}: Summary): Record<string, unknown> {
  const { cohort, attackers } = result;
  const found = judged ? expectations(result) : [];
  return {
    backend: result.backend.name,
    adapter: result.backend.adapter,
    software: result.backend.software,
    data: result.data,
    attack: result.attack,
    clients: cohort.names.map((name, i) => ({
      name,
      examples: cohort.examples[i],
      attacks: attackers.includes(name),
    })),
    training: cohort.training,
    rounds: result.rounds,
    seed: result.seed,
    rules: result.courses.map((course) => {
      const comparison = result.comparisons.find(({ name }) => name === course.name);
      return {
        name: course.name,
        attacked: course.attacked,
        accuracy: course.final.accuracy,
        loss: course.final.loss,
        curve: course.accuracy,
        leftOut: leftOut(course, attackers) ?? null,
        deviations: comparison?.deviations ?? null,
        stopped: course.stopped ?? null,
        aggregationSeconds: course.aggregationSeconds,
      };
    }),
    yardstick: result.yardstick,
    crossCheck: crossCheck ?? null,
    noCrossCheck: noCrossCheck ?? null,
    expectations: found,
    ok: found.every(({ met }) => met),
    seconds: result.seconds,
  };
}
