/**
 * A simulation as one HTML file that loads nothing and runs nothing.
 *
 * @module
 */

import type { ClientReport } from '../aggregate.ts';
import { barChart, escapeText, lineChart } from './charts.ts';
import type { CourseOutcome } from './course.ts';
import { expectations, isLeftOut, percent } from './findings.ts';
import { crossCheckText, describeBackend, describeSetting, type Summary } from './report.ts';
import { CONTROL, type SimulationResult } from './simulate.ts';

/** Okabe and Ito's colours, which also those tell apart who do not see all colours. */
const COLOURS = ['#d55e00', '#e69f00', '#56b4e9', '#009e73', '#0072b2', '#cc79a7', '#7a5195'];
const CONTROL_COLOUR = '#5f6b7a';

const STYLE = `
body { margin: 0 auto; max-width: 1000px; padding: 32px 24px 64px; background: #fff; color: #1f2933;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 40px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.faint { color: #5f6b7a; }
svg { max-width: 100%; min-width: 600px; height: auto; display: block; margin-top: 12px; }
table { border-collapse: collapse; margin-top: 12px; }
th, td { padding: 5px 12px 5px 0; text-align: left; vertical-align: middle; }
th { font-weight: 600; border-bottom: 2px solid #cbd2d9; }
td { border-bottom: 1px solid #e3e8ee; }
td:first-child { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 8px; }
.met, .unmet { padding: 8px 14px; border-left: 4px solid; margin: 8px 0; }
.met { border-color: #009e73; background: #eefaf5; }
.unmet { border-color: #d55e00; background: #fdf3ec; }
.clients td, .clients th { padding: 2px; text-align: center; font-size: 12px; border: 0; }
.clients td:first-child, .clients th:first-child { text-align: left; padding-right: 12px; font-size: 13px; white-space: nowrap; }
.cell { width: 28px; height: 24px; border-radius: 4px; line-height: 24px; font-size: 11px; }
.attacker { color: #b3400a; font-weight: 700; }
.scroll { overflow-x: auto; }
footer { margin-top: 40px; }
`;

/** The report: verdict, curves, figures, the same updates compared, and who was left out. */
export function htmlReport(summary: Summary): string {
  const { result } = summary;
  const names = result.courses.map(({ name }) => name).filter((name) => name !== CONTROL);
  const colourOf = (name: string) =>
    name === CONTROL ? CONTROL_COLOUR : COLOURS[names.indexOf(name) % COLOURS.length]!;
  const title = `Federated training: ${result.attack === 'none' ? 'no attack' : result.attack}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${heading(result, title)}
${verdict(summary)}
${curves(result, colourOf)}
${figures(result, colourOf)}
${comparison(result, colourOf)}
${clientGrid(result)}
<footer>
${footer(summary)}
</footer>
</body>
</html>
`;
}

function heading(result: SimulationResult, title: string): string {
  const setting = describeSetting({
    ...result,
    clients: result.cohort.names.length,
    attackers: result.attackers.length,
  });
  return `<h1>${escapeText(title)}</h1>
<p class="faint">${escapeText(setting)}</p>`;
}

function verdict({ result, judged }: Summary): string {
  if (!judged) return '';
  return expectations(result)
    .map(({ statement, met }) => {
      const mark = met ? '✓' : '✗ Expected:';
      return `<div class="${met ? 'met' : 'unmet'}">${mark} ${escapeText(statement)}</div>`;
    })
    .join('\n');
}

function curves(result: SimulationResult, colourOf: (name: string) => string): string {
  const series = result.courses.map(({ name, accuracy }) => ({
    label: name,
    colour: colourOf(name),
    dashed: name === CONTROL,
    values: accuracy,
  }));
  const title = 'Test accuracy after each round';
  return `<h2>${title}</h2>
<p class="faint">Each rule trains a model of its own; clients, examples and batches are the same.</p>
<div class="scroll">${lineChart(series, { title, xLabel: 'round' })}</div>`;
}

function figures(result: SimulationResult, colourOf: (name: string) => string): string {
  const rows = result.courses.map((course) => {
    const { accuracy, loss } = course.final;
    const note = course.stopped ? `no aggregate from round ${course.stopped.round} on` : '';
    return `<tr><td><span class="swatch" style="background:${colourOf(course.name)}"></span>${escapeText(course.name)}</td>
<td class="number">${percent(accuracy)}</td><td class="number">${Number.isFinite(loss) ? loss.toFixed(3) : 'infinite'}</td>
<td class="number">${((1000 * course.aggregationSeconds) / result.rounds).toFixed(1)} ms</td><td>${escapeText(note)}</td></tr>`;
  });
  return `<h2>At the end, on all ${result.data.test} test examples</h2>
<div class="scroll"><table><tr><th>rule</th><th class="number">accuracy</th><th class="number">loss</th><th class="number">aggregation, each round</th><th></th></tr>
${rows.join('\n')}</table></div>`;
}

function comparison(result: SimulationResult, colourOf: (name: string) => string): string {
  const bars = result.comparisons.map(({ name, deviations }) => {
    const seen = deviations.filter(Number.isFinite);
    const mean = seen.reduce((a, b) => a + b, 0) / seen.length;
    return { label: name, colour: colourOf(name), value: mean };
  });
  const title = 'How far each rule lands from the honest mean';
  const text = {
    title,
    xLabel: 'distance, as a share of the length of the honest mean (mean over rounds)',
  };
  return `<h2>${title}</h2>
<p class="faint">All rules aggregate the same updates here: those sent to ${escapeText(result.yardstick)}.</p>
<div class="scroll">${barChart(bars, text)}</div>`;
}

function clientGrid(result: SimulationResult): string {
  const { names, examples } = result.cohort;
  const head = names.map((name) => {
    const kind = result.attackers.includes(name) ? ' class="attacker"' : '';
    return `<th${kind}>${escapeText(name.replace(/^client-/, ''))}</th>`;
  });
  const sizes = examples.map((count) => `<td>${count}</td>`);
  const rows = result.courses
    .filter(({ attacked }) => attacked || result.attackers.length === 0)
    .map((course) => `<tr><td>${escapeText(course.name)}</td>${clientCells(course, names)}</tr>`);
  return `<h2>Whose updates counted in the last round</h2>
<p class="faint">Each number is a client's share in per cent; × was left out, and a dot belongs to a rule that decides
coordinate by coordinate.${result.attackers.length > 0 ? ' <span class="attacker">Attackers</span> stand first.' : ''}</p>
<div class="scroll"><table class="clients"><tr><th>client</th>${head.join('')}</tr>
<tr><td class="faint">examples</td>${sizes.join('')}</tr>
${rows.join('\n')}</table></div>`;
}

function clientCells(course: CourseOutcome, names: readonly string[]): string {
  const reports = new Map(course.clients.map((report) => [report.client, report]));
  return names.map((name) => clientCell(reports.get(name), names.length)).join('');
}

function clientCell(report: ClientReport | undefined, clients: number): string {
  const cell = (style: string, text: string) =>
    `<td><div class="cell" style="${style}">${text}</div></td>`;
  if (report === undefined) return cell('', '');
  if (isLeftOut(report))
    return cell('background:#fff;box-shadow:inset 0 0 0 1px #cbd2d9;color:#5f6b7a', '×');
  if (report.weight === undefined) return cell('background:#eef1f4;color:#5f6b7a', '·');
  // An even share is drawn half as dark as the darkest.
  const shade = Math.min(1, Math.max(0.12, (report.weight * clients) / 2));
  const ink = shade > 0.6 ? '#fff' : '#1f2933';
  return cell(
    `background:rgb(0 114 178 / ${shade.toFixed(2)});color:${ink}`,
    (100 * report.weight).toFixed(0),
  );
}

function footer(summary: Summary): string {
  const { result } = summary;
  const lines = [
    `Aggregated on ${describeBackend(result.backend)}, ${result.seconds.toFixed(1)} s in all.`,
    crossCheckText(summary),
  ].filter((line) => line !== '');
  const stopped = result.courses.flatMap((course) =>
    course.stopped
      ? [`${course.name} stopped in round ${course.stopped.round}: ${course.stopped.reason}`]
      : [],
  );
  return [...lines, ...stopped]
    .map((line) => `<p class="faint">${escapeText(line)}</p>`)
    .join('\n');
}
