/**
 * What was found of secure aggregation, as tables in Markdown.
 *
 * @module
 */

import type { Timing } from '../bench.ts';
import { duration, grouped, placeOf } from '../report.ts';
import { expectedBytes, LINES } from './lines.ts';

/** All tables that there are lines for. */
export function secaggTables(timings: readonly Timing[]): string {
  const of = (...names: string[]): Timing[] => timings.filter(({ what }) => names.includes(what));
  return [
    section('Masks made and added', maskRows(of(LINES.masks))),
    section('Server, complete graph, clients drop out after sharing', serverRows(timings)),
    section('The same parts by others, from samples', otherRows(of(LINES.server))),
    section('One client, one thread', partRows(of(LINES.client), 'by')),
    section(
      'A whole round of real clients',
      partRows(of(LINES.roundServer, LINES.roundUnmasking, LINES.roundClient), 'who'),
    ),
    section('What the server holds before the last input', heldRows(of(LINES.held))),
    problemsOf(timings),
    SOURCE,
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

const SOURCE =
  'Published: Bonawitz and others, CCS 2017, one thread of Java on a Xeon E5-1650 v3; second-hand, rounded.\n' +
  'Parts add up to the total. ≈: from a sample.';

function section(title: string, rows: readonly (readonly string[])[]): string {
  return rows.length < 2 ? '' : [`### ${title}`, '', ...markdown(rows)].join('\n');
}

/** Rows of cells as a table, whose first row is the head. */
function markdown([head, ...rows]: readonly (readonly string[])[]): string[] {
  const widths = head!.map((_, i) =>
    Math.max(3, ...[head!, ...rows].map((row) => [...row[i]!].length)),
  );
  const padded = (row: readonly string[]): string => {
    const cells = row.map((cell, i) => cell + ' '.repeat(widths[i]! - [...cell].length));
    return `| ${cells.join(' | ')} |`;
  };
  const rule = widths.map((width) => '-'.repeat(width));
  return [padded(head!), padded(rule), ...rows.map(padded)];
}

function maskRows(timings: readonly Timing[]): string[][] {
  const head = ['masks × words', 'by', 'threads', 'time', 'GB/s'];
  const rows = timings.map(({ n, d, seconds, threads, note = '' }) => {
    const by = /^by (.*): /.exec(note)?.[1] ?? '';
    const rate = (4 * n * d) / seconds!.median / 1e9;
    return [`${n} × ${grouped(d)}`, by, `${threads}`, duration(seconds!.median), rate.toFixed(2)];
  });
  return [head, ...rows];
}

/** Parts in the order of a round; those that no line has are left out. */
const PARTS: readonly (readonly [string, string])[] = [
  ['agreement', 'X25519'],
  ['derivation', 'HKDF'],
  ['hashing', 'SHA-256'],
  ['signatures', 'Ed25519'],
  ['boxes', 'boxes'],
  ['sharing', 'sharing'],
  ['encoding', 'encoding'],
  ['expansion', 'expansion'],
  ['reconstruction', 'reconstruction'],
  ['inputs', 'inputs'],
  ['messages', 'messages'],
];

function partsIn(timings: readonly Timing[]): (readonly [string, string])[] {
  return PARTS.filter(([part]) => timings.some(({ parts }) => parts?.[part] !== undefined));
}

function serverRows(timings: readonly Timing[]): string[][] {
  const lines = timings.filter(({ what }) => what === LINES.server);
  const parts = partsIn(lines);
  const head = ['n', 'drop out', 'total', 'of it unmasking', ...parts.map(([, name]) => name)];
  const rows = lines.map((line) => {
    const last = timings.find(
      ({ what, n, dropped }) =>
        what === LINES.unmasking && n === line.n && dropped === line.dropped,
    );
    return [
      ...shapeOf(line),
      duration(line.seconds!.median),
      last?.seconds ? duration(last.seconds.median) : '',
      ...parts.map(([part]) => secondsOf(line.parts?.[part])),
      placeOf(line),
      ...publishedOf(line),
    ];
  });
  return [[...head, 'masks by', 'published', 'faster by'], ...rows];
}

function otherRows(lines: readonly Timing[]): string[][] {
  const names = [...new Set(lines.flatMap(({ otherwise = {} }) => Object.keys(otherwise)))];
  const rows = lines.map((line) => [
    ...shapeOf(line),
    ...names.map((name) => {
      const seconds = line.otherwise?.[name];
      return seconds === undefined ? '' : `≈ ${duration(seconds)}`;
    }),
  ]);
  return [['n', 'drop out', ...names], ...rows];
}

function partRows(lines: readonly Timing[], first: string): string[][] {
  const parts = partsIn(lines);
  const isPublished = lines.some(({ published }) => published !== undefined);
  const rows = lines.map((line) => [
    `${line.n} × ${grouped(line.d)}`,
    line.what === LINES.client ? (line.note ?? '') : line.what.replace(/^.*, /, ''),
    duration(line.seconds!.median),
    ...parts.map(([part]) => secondsOf(line.parts?.[part])),
    ...(isPublished ? publishedOf(line) : []),
  ]);
  const head = ['n × d', first, 'total', ...parts.map(([, name]) => name)];
  return [[...head, ...(isPublished ? ['published', 'faster by'] : [])], ...rows];
}

function heldRows(lines: readonly Timing[]): string[][] {
  const rows = lines.map(({ n, d, heldBytes, note = '' }) => [
    `${n} × ${grouped(d)}`,
    kibibytes(heldBytes!),
    kibibytes(expectedBytes({ n, d })),
    kibibytes(4 * n * d),
    note,
  ]);
  return [['n × d', 'state', 'sum and boxes', 'all inputs', ''], ...rows];
}

function shapeOf({ n, dropped = 0 }: Timing): string[] {
  return [`${n}`, `${Math.round((100 * dropped) / n)} %`];
}

function publishedOf({ published, seconds }: Timing): string[] {
  if (published === undefined) return ['', ''];
  return [`≈ ${duration(published)}`, `${(published / seconds!.median).toPrecision(2)}×`];
}

function secondsOf(seconds: number | undefined): string {
  return seconds === undefined ? '' : duration(seconds);
}

function kibibytes(bytes: number): string {
  return `${grouped(Math.round(bytes / 1024))} KiB`;
}

function problemsOf(timings: readonly Timing[]): string {
  return timings
    .flatMap(({ what, n, d, problem }) =>
      problem === undefined ? [] : [`WRONG: ${what}, ${n} × ${grouped(d)}: ${problem}`],
    )
    .join('\n');
}
