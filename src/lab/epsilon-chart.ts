/**
 * The chart of a private plan, as SVG: ε over rounds by each accountant, and what was promised.
 *
 * @module
 */

import { FAINT, GRID, label, reserve, svg } from './charts.ts';

/** What an accountant says. */
export interface EpsilonCurve {
  readonly label: string;
  /** No bound: drawn dashed. */
  readonly isEstimate?: true;
  /** Rounds rise. ε may be Infinity, which is not drawn. */
  readonly points: readonly { readonly steps: number; readonly epsilon: number }[];
}

/** What stands around the curves. */
export interface EpsilonChartText {
  readonly title: string;
  /** A line below the title. */
  readonly subtitle: string;
  /** ε that is promised: a line across. */
  readonly target?: number;
}

/** Okabe and Ito's colours, which also those tell apart who do not see all colours. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00'];
const NAMESPACE = 'http://www.w3.org/2000/svg';
const BOX = { left: 64, top: 84, width: 560, height: 320 } as const;

/** An SVG file. Lines join the computed points, which are marked: ε in between is a little above them. */
export function epsilonChart(curves: readonly EpsilonCurve[], text: EpsilonChartText): string {
  const { title, subtitle, target } = text;
  const all = curves.flatMap(({ points }) => points);
  const finite = all.map(({ epsilon }) => epsilon).filter(Number.isFinite);
  // Where nothing is lost, or nothing known, there is an axis all the same.
  const yTicks = roundTicks(Math.max(...finite, target ?? 0) || 1);
  const xTicks = roundTicks(Math.max(1, ...all.map(({ steps }) => steps)), 1);
  const [lastX, lastY] = [Math.max(...all.map(({ steps }) => steps)), yTicks.at(-1)!];
  const x = (steps: number): number => BOX.left + (BOX.width * steps) / lastX;
  const y = (epsilon: number): number => BOX.top + BOX.height * (1 - epsilon / lastY);
  const parts = [
    '<rect width="100%" height="100%" fill="#fff"/>',
    label(title, { x: 16, y: 26, weight: 600 }),
    label(subtitle, { x: 16, y: 46, fill: FAINT }),
    ...yTicks.flatMap((value) => [
      across(y(value), GRID),
      label(tickText(value), { x: BOX.left - 8, y: y(value) + 4, anchor: 'end', fill: FAINT }),
    ]),
    ...xTicks
      .filter((value) => value <= lastX)
      .map((value) =>
        label(tickText(value), {
          x: x(value),
          y: BOX.top + BOX.height + 20,
          anchor: 'middle',
          fill: FAINT,
        }),
      ),
    label('rounds', {
      x: BOX.left + BOX.width / 2,
      y: BOX.top + BOX.height + 42,
      anchor: 'middle',
    }),
    label('ε', { x: 16, y: BOX.top + BOX.height / 2 }),
    ...(target === undefined ? [] : promise(y(target), target)),
    ...curves.flatMap((curve, i) => curveParts(curve, COLOURS[i % COLOURS.length]!, { x, y })),
    ...legend(curves),
  ];
  const words = curves.map((curve) => reserve(legendText(curve)));
  const width = BOX.left + BOX.width + 40 + Math.max(...words);
  const least = 32 + Math.max(reserve(title), reserve(subtitle));
  const inline = svg(Math.max(width, least), BOX.top + BOX.height + 56, title, parts);
  // A file of its own says what it is; within a page, that would be a word too many.
  return inline.replace('<svg ', `<svg xmlns="${NAMESPACE}" `);
}

function across(y: number, stroke: string, dash = ''): string {
  const at = y.toFixed(1);
  return `<line x1="${BOX.left}" x2="${BOX.left + BOX.width}" y1="${at}" y2="${at}" stroke="${stroke}"${dash}/>`;
}

function promise(y: number, target: number): string[] {
  return [
    across(y, FAINT, ' stroke-dasharray="2 4"'),
    label(`promised: ε = ${tickText(target)}`, { x: BOX.left + 8, y: y - 6, fill: FAINT }),
  ];
}

function curveParts(
  { points, isEstimate }: EpsilonCurve,
  colour: string,
  { x, y }: { x: (steps: number) => number; y: (epsilon: number) => number },
): string[] {
  const dash = isEstimate ? ' stroke-dasharray="6 5"' : '';
  const places = points
    .filter(({ epsilon }) => Number.isFinite(epsilon))
    .map(({ steps, epsilon }) => [x(steps).toFixed(1), y(epsilon).toFixed(1)] as const);
  const line = places.map(([left, top], i) => `${i === 0 ? 'M' : 'L'}${left} ${top}`).join(' ');
  return [
    `<path d="${line}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"${dash}/>`,
    ...places.map(([left, top]) => `<circle cx="${left}" cy="${top}" r="2.5" fill="${colour}"/>`),
  ];
}

/** Beside the box, in the order in which the curves end. */
function legend(curves: readonly EpsilonCurve[]): string[] {
  const last = ({ points }: EpsilonCurve): number => points.at(-1)?.epsilon ?? 0;
  const left = BOX.left + BOX.width + 16;
  return [...curves]
    .map((curve, i) => ({ curve, colour: COLOURS[i % COLOURS.length]! }))
    .sort((a, b) => last(b.curve) - last(a.curve))
    .flatMap(({ curve, colour }, row) => {
      const middle = BOX.top + 12 + 24 * row;
      const dash = curve.isEstimate ? ' stroke-dasharray="6 4"' : '';
      return [
        `<line x1="${left}" x2="${left + 20}" y1="${middle}" y2="${middle}" stroke="${colour}" stroke-width="3"${dash}/>`,
        label(legendText(curve), { x: left + 28, y: middle + 4 }),
      ];
    });
}

function legendText({ label: name, isEstimate, points }: EpsilonCurve): string {
  const last = points.at(-1)?.epsilon ?? Number.NaN;
  const value = Number.isFinite(last) ? Number(last.toPrecision(4)) : '∞';
  return `${name}${isEstimate ? ' (estimate)' : ''}: ${value}`;
}

/** Round numbers from 0 to the first that is no less than `end`; steps no less than `least`. */
function roundTicks(end: number, least = 0): number[] {
  const rough = 10 ** Math.floor(Math.log10(end));
  const step =
    [0.1, 0.2, 0.5, 1].map((m) => m * rough).find((s) => s >= least && end / s <= 8) ?? rough;
  return Array.from({ length: Math.ceil(end / step - 1e-9) + 1 }, (_, i) => i * step);
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(4)));
}
