/**
 * The charts of a benchmark, as one SVG: what rules take, how far ahead of others they are, how they
 * scale with threads, and where the GPU overtakes the CPU. Both axes that carry times or ratios are
 * logarithmic: equal lengths are equal factors.
 *
 * @module
 */

import { FAINT, GRID, INK, label, reserve, svg } from '../charts.ts';
import type { Timing } from './bench.ts';
import type { Ratio } from './ratios.ts';
import { duration, factor, grouped, placeOf, type Report } from './report.ts';

/** Okabe and Ito's colours, which also those tell apart who do not see all colours. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195'];
const HOLDS = '#009e73';
const FAILS = '#d55e00';
const NEUTRAL = '#5f6b7a';

const NAMESPACE = 'http://www.w3.org/2000/svg';
const WIDTH = 520;
const ROW = 22;
const MARGIN = 16;

/** A chart: its parts, from (0, 0), and how much room it takes. */
interface Panel {
  readonly width: number;
  readonly height: number;
  readonly parts: readonly string[];
}

/** All charts that the report has data for, one below the other. */
export function chartsOf(report: Omit<Report, 'peakBytes'>): string {
  const { timings, ratios = [], machine, bandwidth } = report;
  const panels = [
    ...shapesIn(timings, 'rules').map((some) => rulesPanel(some)),
    ...shapesIn(timings, 'threads').map(threadsPanel),
    ...rulesIn(timings, 'crossover').map(crossoverPanel),
    ...ratiosPanels(ratios),
  ];
  const copy = `copy ${(bandwidth.copy / 1e9).toFixed(1)} GB/s`;
  const where = `${machine.cpu}, ${machine.cores} threads, ${copy}, ${machine.runtime}`;
  const quick = report.quick ? ' – quick run: the times say little' : '';
  let top = 40;
  const parts = [
    label(`${where}, aggregis ${report.aggregis}${quick}`, { x: MARGIN, y: 24, fill: FAINT }),
  ];
  for (const panel of panels) {
    parts.push(`<g transform="translate(${MARGIN} ${top})">`, ...panel.parts, '</g>');
    top += panel.height + 36;
  }
  const width = Math.max(760, ...panels.map((panel) => panel.width)) + 2 * MARGIN;
  const background = `<rect width="100%" height="100%" fill="#fff"/>`;
  const inline = svg(width, top, 'Benchmark of Aggregis', [background, ...parts]);
  // A file of its own says what it is; within a page, that would be a word too many.
  return inline.replace('<svg ', `<svg xmlns="${NAMESPACE}" `);
}

type Measured = Timing & { readonly seconds: NonNullable<Timing['seconds']> };

function measuredOf(timings: readonly Timing[], question: string): Measured[] {
  return timings.filter(
    (timing): timing is Measured => timing.question === question && timing.seconds !== undefined,
  );
}

/** The measured timings of a question, by shape. */
function shapesIn(timings: readonly Timing[], question: string): Measured[][] {
  return grouping(measuredOf(timings, question), ({ n, d }) => `${n} ${d}`);
}

function rulesIn(timings: readonly Timing[], question: string): Measured[][] {
  const name = ({ what }: Timing): string => what.split(':', 1)[0]!;
  return grouping(measuredOf(timings, question), name);
}

function grouping<T>(all: readonly T[], key: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return [...groups.values()];
}

// Axes

/** From a value to a place along an axis, and round values to mark on it. */
interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** A logarithmic axis over `values`, from 0 to `length` pixels. */
function logAxis(values: readonly number[], length: number): Axis {
  const low = Math.log10(Math.min(...values)) - 0.08;
  const high = Math.log10(Math.max(...values)) + 0.08;
  const at = (value: number): number =>
    (length * (Math.log10(value) - low)) / Math.max(high - low, 1e-9);
  const decades = high - low;
  const steps = decades > 4 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const step of steps) {
      const place = Math.log10(step) + power;
      if (place >= low && place <= high) ticks.push(step * 10 ** power);
    }
  }
  return { at, ticks };
}

/** A mark in a row of a dot plot. */
interface Dot {
  readonly value: number;
  readonly colour: string;
  /** A ring instead of a disc. */
  readonly hollow?: boolean;
}

interface DotRow {
  readonly label: string;
  readonly dots: readonly Dot[];
  /** A stroke across the row: what was required. */
  readonly required?: number;
  /** To the right of the row. */
  readonly text?: string;
}

interface DotPlot {
  readonly title: string;
  readonly rows: readonly DotRow[];
  readonly tick: (value: number) => string;
  readonly legend: readonly Dot[];
  readonly legendTexts: readonly string[];
  /** A value that is marked all the way down. */
  readonly line?: number;
}

/** Rows of marks over one logarithmic axis. */
function dotPlot({ title, rows, tick, legend, legendTexts, line }: DotPlot): Panel {
  const left = Math.max(...rows.map((row) => reserve(row.label))) + 12;
  const values = rows.flatMap(({ dots, required }) => [
    ...dots.map(({ value }) => value),
    ...(required === undefined ? [] : [required]),
  ]);
  const axis = logAxis(line === undefined ? values : [...values, line], WIDTH);
  const top = 48;
  const bottom = top + ROW * rows.length;
  const parts = [label(title, { x: 0, y: 12, weight: 600 })];
  let x = 0;
  legend.forEach((dot, i) => {
    parts.push(mark(x + 6, 30, dot), label(legendTexts[i]!, { x: x + 16, y: 34, fill: FAINT }));
    x += reserve(legendTexts[i]!) + 36;
  });
  for (const value of axis.ticks) {
    const at = left + axis.at(value);
    parts.push(
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${top}" y2="${bottom}" stroke="${GRID}"/>`,
      label(tick(value), { x: at, y: bottom + 16, anchor: 'middle', fill: FAINT }),
    );
  }
  if (line !== undefined) {
    const at = (left + axis.at(line)).toFixed(1);
    parts.push(`<line x1="${at}" x2="${at}" y1="${top}" y2="${bottom}" stroke="${FAINT}"/>`);
  }
  rows.forEach((row, i) => {
    const y = top + ROW * i + ROW / 2;
    parts.push(label(row.label, { x: left - 10, y: y + 4, anchor: 'end' }));
    if (row.required !== undefined) {
      const at = (left + axis.at(row.required)).toFixed(1);
      parts.push(
        `<line x1="${at}" x2="${at}" y1="${y - 8}" y2="${y + 8}" stroke="${INK}" stroke-width="2"/>`,
      );
    }
    for (const dot of row.dots) parts.push(mark(left + axis.at(dot.value), y, dot));
    if (row.text) parts.push(label(row.text, { x: left + WIDTH + 10, y: y + 4, fill: FAINT }));
  });
  const texts = Math.max(0, ...rows.map(({ text }) => reserve(text ?? '')));
  return { width: Math.max(x, left + WIDTH + 24 + texts), height: bottom + 24, parts };
}

function mark(x: number, y: number, { colour, hollow }: Omit<Dot, 'value'>): string {
  const fill = hollow ? '#fff' : colour;
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="${fill}" stroke="${colour}" stroke-width="2"/>`;
}

// Rules

function rulesPanel(timings: readonly Measured[]): Panel {
  const places = [...new Set(timings.map(placeOf))];
  const colourOf = (timing: Timing): string =>
    COLOURS[places.indexOf(placeOf(timing)) % COLOURS.length]!;
  const rows = grouping(timings, ({ what }) => what).map((some): DotRow => {
    const best = Math.min(...some.map(({ seconds }) => seconds.median));
    return {
      label: some[0]!.what,
      text: duration(best),
      dots: some.map((timing) => {
        const hollow = timing.mode === 'end to end';
        return { value: timing.seconds.median, colour: colourOf(timing), hollow };
      }),
    };
  });
  const { n, d } = timings[0]!;
  const modes = [
    { colour: NEUTRAL, value: 0 },
    { colour: NEUTRAL, value: 0, hollow: true },
  ];
  return dotPlot({
    title: `What rules take, n = ${n}, d = ${grouped(d)}: least time to the right`,
    rows,
    tick: duration,
    legend: [
      ...places.map((_, i) => ({ colour: COLOURS[i % COLOURS.length]!, value: 0 })),
      ...modes,
    ],
    legendTexts: [...places, 'rows resident', 'from arrays, screened'],
  });
}

// Others

function ratiosPanels(ratios: readonly Ratio[]): Panel[] {
  const measured = ratios.filter(({ ratio }) => ratio !== undefined);
  if (measured.length === 0) return [];
  const rows = measured.map((ratio): DotRow => {
    const { work, n, d, count, theirs, holds, atLeast } = ratio;
    const colour = holds === undefined ? NEUTRAL : holds ? HOLDS : FAILS;
    const threads = `${count} thread${count === 1 ? '' : 's'}`;
    const required = atLeast === undefined ? '' : ` of ${factor(atLeast)}`;
    return {
      label: `${work}, ${n} × ${grouped(d)}, ${threads} / ${theirs}`,
      dots: [{ value: ratio.ratio!, colour }],
      ...(atLeast !== undefined && { required: atLeast }),
      text: `${factor(ratio.ratio!)}${required}`,
    };
  });
  return [
    dotPlot({
      title:
        'Times of others over ours: to the right of 1× we are faster; a stroke is what is required',
      rows,
      tick: factor,
      line: 1,
      legend: [HOLDS, FAILS, NEUTRAL].map((colour) => ({ colour, value: 0 })),
      legendTexts: ['holds', 'does not hold', 'nothing required'],
    }),
  ];
}

// Curves

interface Curve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface CurvePlot {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly xLabel: string;
  readonly xTick: (value: number) => string;
}

/** Curves over two logarithmic axes, a line at y = 1. */
function curvePlot({ title, curves, xLabel, xTick }: CurvePlot): Panel {
  const [left, top, height] = [56, 28, 220];
  const points = curves.flatMap((curve) => curve.points);
  const xs = [...new Set(points.map(({ x }) => x))];
  const xAxis = logAxis(xs, WIDTH);
  const yAxis = logAxis([...points.map(({ y }) => y), 0.5, 2], height);
  const x = (value: number): string => (left + xAxis.at(value)).toFixed(1);
  const y = (value: number): string => (top + height - yAxis.at(value)).toFixed(1);
  const parts = [label(title, { x: 0, y: 12, weight: 600 })];
  for (const value of yAxis.ticks) {
    const stroke = value === 1 ? FAINT : GRID;
    parts.push(
      `<line x1="${left}" x2="${left + WIDTH}" y1="${y(value)}" y2="${y(value)}" stroke="${stroke}"/>`,
      label(factor(value), { x: left - 8, y: Number(y(value)) + 4, anchor: 'end', fill: FAINT }),
    );
  }
  for (const value of xs) {
    const at = { x: Number(x(value)), y: top + height + 18 };
    parts.push(label(xTick(value), { ...at, anchor: 'middle', fill: FAINT }));
  }
  parts.push(
    label(xLabel, { x: left + WIDTH / 2, y: top + height + 38, anchor: 'middle', fill: FAINT }),
  );
  curves.forEach((curve, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const line = curve.points.map((p, k) => `${k === 0 ? 'M' : 'L'}${x(p.x)} ${y(p.y)}`).join(' ');
    parts.push(`<path d="${line}" fill="none" stroke="${colour}" stroke-width="2.5"/>`);
    for (const p of curve.points) parts.push(mark(Number(x(p.x)), Number(y(p.y)), { colour }));
    const at = { x: left + WIDTH + 32, y: top + 14 + 22 * i };
    parts.push(mark(at.x - 14, at.y - 4, { colour }), label(curve.label, at));
  });
  const labels = Math.max(...curves.map((curve) => reserve(curve.label)));
  return { width: left + WIDTH + 40 + labels, height: top + height + 44, parts };
}

function threadsPanel(timings: readonly Measured[]): Panel {
  const { n, d } = timings[0]!;
  const curves = grouping(timings, ({ what }) => what).map((some): Curve => {
    const single = some.find(({ threads }) => threads === 1)?.seconds.median ?? Number.NaN;
    const points = some.map(({ threads = 1, seconds }) => ({
      x: threads,
      y: single / seconds.median,
    }));
    return { label: some[0]!.what, points };
  });
  return curvePlot({
    title: `Speed over that of one thread, n = ${n}, d = ${grouped(d)}`,
    curves: curves.filter(({ points }) => points.every(({ y }) => Number.isFinite(y))),
    xLabel: 'threads',
    xTick: String,
  });
}

function crossoverPanel(timings: readonly Measured[]): Panel {
  const gpu = timings.filter(({ backend }) => backend === 'webgpu');
  const curves = grouping(gpu, ({ n, mode }) => `${n} ${mode}`).map((some): Curve => {
    const { n, mode } = some[0]!;
    const points = some.flatMap(({ d, seconds }) => {
      const other = timings.find(
        (timing) =>
          timing.backend !== 'webgpu' && timing.n === n && timing.d === d && timing.mode === mode,
      );
      return other ? [{ x: d, y: other.seconds.median / seconds.median }] : [];
    });
    return { label: `n = ${n}, ${mode}`, points };
  });
  const emulated = gpu[0]?.emulated ? ' – an emulated GPU, which says nothing of a real one' : '';
  return curvePlot({
    title: `${timings[0]!.what.split(':', 1)[0]}: speed of the GPU over the CPU${emulated}`,
    curves,
    xLabel: 'd',
    xTick: grouped,
  });
}
