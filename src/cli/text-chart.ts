/**
 * A chart for terminals: columns of block characters.
 *
 * @module
 */

/** Points to show, x rising. */
export interface TextChart {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** What the full height stands for. */
  readonly top: number;
  /** Columns and rows of characters, without the axes. */
  readonly width: number;
  readonly height: number;
  /** A value to mark across, where columns leave room. */
  readonly line?: number;
}

const EIGHTHS = ' ▁▂▃▄▅▆▇█';

/** Lines of text: rows from the top, each with its value at the top, middle and bottom, and an x-axis. */
export function textChart({ points, top, width, height, line }: TextChart): string[] {
  const last = points.at(-1)?.x ?? 1;
  const heights = Array.from({ length: width }, (_, i) =>
    valueAt(points, (last * (i + 1)) / width),
  );
  const marked = line === undefined || line > top ? -1 : Math.ceil((height * line) / top) - 1;
  const labels = [top, top / 2, 0].map((value) => axisLabel(value));
  const room = Math.max(...labels.map((label) => label.length));
  const rows = Array.from({ length: height }, (_, fromTop) => {
    const row = height - 1 - fromTop;
    const cells = heights.map((value) => {
      const filled = Math.min(8, Math.max(0, Math.ceil(8 * ((height * value) / top - row))));
      return filled === 0 && row === marked ? '╌' : EIGHTHS[filled];
    });
    const label = fromTop === 0 ? labels[0]! : row === height / 2 - 1 ? labels[1]! : '';
    return `${label.padStart(room)} ${label === '' ? '│' : '┤'}${cells.join('')}`.trimEnd();
  });
  const end = String(last);
  return [
    ...rows,
    `${labels[2]!.padStart(room)} └${'─'.repeat(width)}`,
    `${' '.repeat(room + 2)}${'0'.padEnd(width - end.length)}${end}`,
  ];
}

/** On straight lines between points; before the first, its value. */
function valueAt(points: TextChart['points'], x: number): number {
  const at = points.findIndex((point) => point.x >= x);
  const [before, after] = [points[at - 1], points[at]];
  if (after === undefined) return points.at(-1)?.y ?? 0;
  if (before === undefined || !Number.isFinite(after.y)) return after.y;
  return before.y + ((after.y - before.y) * (x - before.x)) / (after.x - before.x);
}

function axisLabel(value: number): string {
  return String(Number(value.toPrecision(3)));
}
