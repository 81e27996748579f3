/**
 * Charts of a run as SVG text: lines over rounds, clients × rounds, and times. Colours are classes of the
 * page, so that it can be light or dark.
 *
 * @module
 */

import { escapeText, reserve } from '../charts.ts';
import { safe } from './markup.ts';

/** A line over rounds. */
export interface Line {
  readonly label: string;
  /** Class of its colour. */
  readonly hue: string;
  /** By round; gaps where there is nothing. */
  readonly values: readonly (number | undefined)[];
}

/** What stands around the marks. */
export interface LineText {
  /** For those who cannot see it. */
  readonly title: string;
  readonly rounds: readonly number[];
  /** How a value reads. */
  readonly show: (value: number) => string;
  /** Top of the chart. Default: a round number above the largest value. */
  readonly top?: number;
  /** Values are whole numbers. */
  readonly isWhole?: boolean;
  /** A line across. */
  readonly limit?: { readonly value: number; readonly label: string };
}

/** A cell of a map: how dark, and what it says. */
export interface Cell {
  /** Class of its colour. */
  readonly hue: string;
  /** In [0, 1]. */
  readonly shade: number;
  readonly text: string;
}

/** A map of clients × rounds. */
export interface MapText {
  readonly title: string;
  readonly rows: readonly string[];
  readonly rounds: readonly number[];
  readonly cell: (row: number, column: number) => Cell | undefined;
}

/** A part of a bar. */
export interface Part {
  readonly label: string;
  readonly hue: string;
  /** By round. */
  readonly values: readonly (number | undefined)[];
}

const WIDTH = 640;
const HEIGHT = 220;
const LEFT = 64;
const TOP = 14;

/** Lines from 0 to the top. */
export function lines(all: readonly Line[], text: LineText): string {
  const { title, rounds, show, limit } = text;
  const seen = all.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const top = text.top ?? topAbove(Math.max(limit?.value ?? 0, largest(seen)), text);
  const x = (i: number): number => LEFT + (WIDTH * (i + 0.5)) / Math.max(1, rounds.length);
  const y = (value: number): number => TOP + HEIGHT * (1 - Math.min(1, value / top));
  const parts = axes({ rounds, x, ticks: [0, 0.25, 0.5, 0.75, 1].map((t) => t * top), y, show });
  if (limit !== undefined) {
    const at = y(limit.value).toFixed(1);
    parts.push(
      `<line class="limit" x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${at}" y2="${at}"/>`,
      label(limit.label, { x: LEFT + WIDTH, y: y(limit.value) + 14, anchor: 'end', kind: 'faint' }),
    );
  }
  for (const { hue, values } of all) {
    parts.push(`<path class="line ${hue}" d="${pathOf(values, x, y)}"/>`);
    values.forEach((value, i) => {
      if (value === undefined || rounds.length > 60) return;
      parts.push(
        `<circle class="dot ${hue}" cx="${x(i).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3">` +
          `<title>${escapeText(`round ${rounds[i]}: ${show(value)}`)}</title></circle>`,
      );
    });
  }
  return svg(LEFT + WIDTH + 16, TOP + HEIGHT + 44, title, [...parts, ...legendOf(all)]);
}

/** Bars of parts that lie on one another. */
export function stacks(given: readonly Part[], text: LineText): string {
  const { title, rounds, show } = text;
  const all = given.filter(({ values }) => values.some((value) => (value ?? 0) > 0));
  const sums = rounds.map((_, i) => all.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  const top = topAbove(largest(sums), text);
  const step = WIDTH / Math.max(1, rounds.length);
  const x = (i: number): number => LEFT + step * (i + 0.5);
  const y = (value: number): number => TOP + HEIGHT * (1 - value / top);
  const parts = axes({ rounds, x, ticks: [0, 0.25, 0.5, 0.75, 1].map((t) => t * top), y, show });
  const width = Math.min(40, 0.8 * step);
  rounds.forEach((round, i) => {
    let below = 0;
    for (const { label: name, hue, values } of all) {
      const value = values[i] ?? 0;
      const height = (HEIGHT * value) / top;
      if (height > 0) {
        parts.push(
          `<rect class="fill ${hue}" x="${(x(i) - width / 2).toFixed(1)}" y="${y(below + value).toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(2)}">` +
            `<title>${escapeText(`round ${round}, ${name}: ${show(value)}`)}</title></rect>`,
        );
      }
      below += value;
    }
  });
  return svg(LEFT + WIDTH + 16, TOP + HEIGHT + 44, title, [...parts, ...legendOf(all)]);
}

/** Clients from top to bottom, rounds from left to right. */
export function map({ title, rows, rounds, cell }: MapText): string {
  const left = Math.max(60, ...rows.map((row) => reserve(row))) + 12;
  const width = Math.max(6, Math.min(30, 700 / Math.max(1, rounds.length)));
  const height = 16;
  const parts = rows.map((row, i) =>
    label(row, { x: left - 8, y: TOP + height * i + 12, anchor: 'end' }),
  );
  rows.forEach((row, i) => {
    rounds.forEach((round, j) => {
      const found = cell(i, j);
      if (found === undefined) return;
      const [x, y] = [left + width * j, TOP + height * i];
      parts.push(
        `<rect class="fill ${found.hue}" x="${x.toFixed(1)}" y="${y}" width="${(width - 1).toFixed(1)}" height="${height - 1}" fill-opacity="${Math.min(1, Math.max(0.06, found.shade)).toFixed(2)}">` +
          `<title>${safe(`${row}, round ${round}: ${found.text}`)}</title></rect>`,
      );
    });
  });
  const bottom = TOP + height * rows.length;
  for (const j of labelled(rounds, 26 / width)) {
    const x = left + width * (j + 0.5);
    parts.push(label(String(rounds[j]), { x, y: bottom + 16, anchor: 'middle', kind: 'faint' }));
  }
  return svg(left + width * rounds.length + 16, bottom + 26, title, parts);
}

function axes(box: {
  readonly rounds: readonly number[];
  readonly x: (i: number) => number;
  readonly ticks: readonly number[];
  readonly y: (value: number) => number;
  readonly show: (value: number) => string;
}): string[] {
  const { rounds, x, ticks, y, show } = box;
  const parts = ticks.map(
    (tick) =>
      `<line class="grid" x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/>` +
      label(show(tick), { x: LEFT - 8, y: y(tick) + 4, anchor: 'end', kind: 'faint' }),
  );
  for (const i of labelled(rounds, rounds.length / 20)) {
    const at = { x: x(i), y: TOP + HEIGHT + 18, anchor: 'middle', kind: 'faint' } as const;
    parts.push(label(String(rounds[i]), at));
  }
  return parts;
}

function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}

/** Four steps of 1, 2, 2.5 or 5 times a power of ten; whole steps for whole values. */
function topAbove(value: number, { isWhole = false }: Pick<LineText, 'isWhole'>): number {
  if (!(value > 0)) return isWhole ? 4 : 1;
  const step = value / 4;
  const power = 10 ** Math.floor(Math.log10(step));
  const steps = [1, 2, 2.5, 5, 10].map((digit) => digit * power);
  const found = steps.find((one) => one >= step && (!isWhole || Number.isInteger(one)));
  return 4 * (found ?? Math.ceil(step));
}

/** Indices of rounds that are named: one of so many, the first among them. */
function labelled(rounds: readonly number[], every: number): number[] {
  const step = Math.max(1, Math.ceil(every));
  return rounds.flatMap((_, i) => (i % step === 0 ? [i] : []));
}

function legendOf(all: readonly { readonly label: string; readonly hue: string }[]): string[] {
  let x = LEFT;
  return all.flatMap(({ label: name, hue }) => {
    const at = x;
    x += reserve(name) + 36;
    const y = TOP + HEIGHT + 30;
    return [
      `<rect class="fill ${hue}" x="${at}" y="${y}" width="10" height="10" rx="2"/>`,
      label(name, { x: at + 16, y: y + 10 }),
    ];
  });
}

function pathOf(
  values: readonly (number | undefined)[],
  x: (i: number) => number,
  y: (value: number) => number,
): string {
  let pen = 'M';
  const parts: string[] = [];
  values.forEach((value, i) => {
    if (value !== undefined) parts.push(`${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`);
    pen = value === undefined ? 'M' : 'L';
  });
  return parts.join(' ');
}

function label(
  text: string,
  at: {
    readonly x: number;
    readonly y: number;
    readonly anchor?: 'middle' | 'end';
    readonly kind?: 'faint';
  },
): string {
  const anchor = at.anchor ? ` text-anchor="${at.anchor}"` : '';
  return `<text class="ink ${at.kind ?? ''}" x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}"${anchor}>${safe(text)}</text>`;
}

function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return `<svg viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="${escapeText(title)}">\n${parts.join('\n')}\n</svg>`;
}
