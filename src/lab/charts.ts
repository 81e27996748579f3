/**
 * The two charts of the report, as SVG text: lines over rounds and bars side by side; and what other
 * charts are made of.
 *
 * Own and small: a report is one file that loads nothing.
 *
 * @module
 */

/** A line of a line chart. */
export interface Series {
  readonly label: string;
  readonly colour: string;
  readonly dashed?: boolean;
  /** y at x = 0, 1, 2, …; gaps where not finite. */
  readonly values: readonly number[];
}

/** A bar of a bar chart. */
export interface Bar {
  readonly label: string;
  readonly colour: string;
  /** Not finite: no bar, and a dash for its number. */
  readonly value: number;
}

/** What a chart says around its marks. */
export interface ChartText {
  /** For those who cannot see it. */
  readonly title: string;
  readonly xLabel: string;
}

/** Colours of text and of lines behind the marks. */
export const INK = '#1f2933';
export const FAINT = '#5f6b7a';
export const GRID = '#e3e8ee';
const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif"';

/** Text that is safe between tags and in quoted attributes. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/** Room for text of 13 px, in pixels: the widest of the usual fonts takes 8.2 px for a letter on average. */
export function reserve(text: string): number {
  return 8.2 * text.length;
}

/**
 * Lines of shares over rounds: y from 0 to 100 %, a legend to the right in the order of the last
 * values, so that it reads as the lines end.
 */
export function lineChart(series: readonly Series[], text: ChartText): string {
  const rounds = Math.max(1, ...series.map(({ values }) => values.length - 1));
  const legend = Math.max(...series.map(({ label }) => reserve(label))) + 96;
  const box = { left: 56, top: 16, width: 560, height: 320 };
  const x = (round: number) => box.left + (box.width * round) / rounds;
  const y = (share: number) => box.top + box.height * (1 - share);
  const parts = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (share) =>
      `<line x1="${box.left}" x2="${box.left + box.width}" y1="${y(share)}" y2="${y(share)}" stroke="${GRID}"/>` +
      label(`${100 * share} %`, { x: box.left - 8, y: y(share) + 4, anchor: 'end', fill: FAINT }),
  );
  for (const round of ticks(rounds)) {
    parts.push(
      label(String(round), {
        x: x(round),
        y: box.top + box.height + 20,
        anchor: 'middle',
        fill: FAINT,
      }),
    );
  }
  parts.push(
    label(text.xLabel, {
      x: box.left + box.width / 2,
      y: box.top + box.height + 44,
      anchor: 'middle',
    }),
  );
  for (const one of series) {
    const dash = one.dashed ? ' stroke-dasharray="6 5"' : '';
    parts.push(
      `<path d="${path(one.values, x, y)}" fill="none" stroke="${one.colour}" stroke-width="2.5" stroke-linejoin="round"${dash}/>`,
    );
  }
  const ordered = [...series].sort((a, b) => last(b.values) - last(a.values));
  ordered.forEach((one, i) => {
    const [left, middle] = [box.left + box.width + 28, box.top + 14 + 30 * i];
    const dash = one.dashed ? ' stroke-dasharray="6 4"' : '';
    const value = Number.isFinite(last(one.values))
      ? `${(100 * last(one.values)).toFixed(1)} %`
      : '–';
    parts.push(
      `<line x1="${left}" x2="${left + 22}" y1="${middle}" y2="${middle}" stroke="${one.colour}" stroke-width="3"${dash}/>`,
      label(one.label, { x: left + 30, y: middle + 4 }),
      label(value, {
        x: box.left + box.width + legend + 26,
        y: middle + 4,
        anchor: 'end',
        weight: 600,
      }),
    );
  });
  return svg(box.left + box.width + legend + 32, box.top + box.height + 56, text.title, parts);
}

/** Horizontal bars from 0, each with its number. */
export function barChart(bars: readonly Bar[], text: ChartText): string {
  const labels = Math.max(...bars.map(({ label: name }) => reserve(name))) + 16;
  const width = 460;
  const largest = Math.max(
    Number.MIN_VALUE,
    ...bars.map(({ value }) => (Number.isFinite(value) ? value : 0)),
  );
  const parts = bars.flatMap((bar, i) => {
    const top = 8 + 34 * i;
    const known = Number.isFinite(bar.value);
    const length = known ? Math.max(2, (width * bar.value) / largest) : 0;
    return [
      label(bar.label, { x: labels - 10, y: top + 17, anchor: 'end' }),
      `<rect x="${labels}" y="${top}" width="${length.toFixed(1)}" height="24" rx="3" fill="${bar.colour}"/>`,
      label(known ? bar.value.toFixed(2) : '–', {
        x: labels + length + 8,
        y: top + 17,
        weight: 600,
      }),
    ];
  });
  const bottom = 8 + 34 * bars.length;
  parts.push(
    `<line x1="${labels}" x2="${labels}" y1="2" y2="${bottom}" stroke="${FAINT}"/>`,
    label(text.xLabel, { x: labels, y: bottom + 20, fill: FAINT }),
  );
  return svg(labels + width + 64, bottom + 32, text.title, parts);
}

/** A document of that many pixels. */
export function svg(
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return `<svg viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="${escapeText(title)}" font-size="13" ${FONT}>\n${parts.join('\n')}\n</svg>`;
}

/** A line of text. */
export function label(
  text: string,
  at: {
    readonly x: number;
    readonly y: number;
    readonly anchor?: 'middle' | 'end';
    readonly fill?: string;
    readonly weight?: number;
  },
): string {
  const anchor = at.anchor ? ` text-anchor="${at.anchor}"` : '';
  const weight = at.weight ? ` font-weight="${at.weight}"` : '';
  return `<text x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}" fill="${at.fill ?? INK}"${anchor}${weight}>${escapeText(text)}</text>`;
}

function last(values: readonly number[]): number {
  return values.at(-1) ?? Number.NaN;
}

/** Five to ten round numbers from 0 to `end`. */
function ticks(end: number): number[] {
  const rough = 10 ** Math.floor(Math.log10(end));
  const step =
    [0.1, 0.2, 0.5, 1, 2].map((m) => m * rough).find((s) => s >= 1 && end / s <= 10) ?? 1;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
}

function path(
  values: readonly number[],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let pen = 'M';
  const parts: string[] = [];
  values.forEach((value, at) => {
    if (Number.isFinite(value)) parts.push(`${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    pen = Number.isFinite(value) ? 'L' : 'M';
  });
  return parts.join(' ');
}
