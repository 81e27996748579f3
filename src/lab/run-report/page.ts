/**
 * A run as one HTML page that loads nothing and runs nothing. Whatever clients say of themselves stands in
 * it as text alone.
 *
 * @module
 */

import { counted } from '../../core/counted.ts';
import type { RunHistory } from '../../federation/run-history.ts';
import { escapeText } from '../charts.ts';
import { lines, stacks } from './charts.ts';
import { clientSections } from './clients.ts';
import { safe, section, tableOf } from './markup.ts';
import { type RoundSummary, type RunSummary, showsClients } from './summary.ts';

const STYLE = `
:root { --paper: #fff; --ink: #1f2933; --faint: #5f6b7a; --grid: #e3e8ee; --blue: #0072b2; --red: #d55e00;
  --green: #009e73; --amber: #e69f00; --sky: #56b4e9; --pink: #cc79a7; --grey: #9aa5b1; }
@media (prefers-color-scheme: dark) { :root { --paper: #14191f; --ink: #e4e9ee; --faint: #9aa7b5; --grid: #2b333d;
  --blue: #4ba3dd; --red: #f0803c; --green: #2fc79b; --amber: #f2b73f; --sky: #7cc7f2; --pink: #dd92bd; --grey: #66717d; } }
html { color-scheme: light dark; }
body { margin: 0 auto; max-width: 1000px; padding: 32px 24px 64px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 40px 0 4px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.faint { color: var(--faint); }
svg { display: block; margin-top: 12px; font-size: 12px; font-family: inherit; }
svg .ink { fill: var(--ink); }
svg .ink.faint { fill: var(--faint); }
svg .grid { stroke: var(--grid); }
svg .limit { stroke: var(--red); stroke-dasharray: 6 4; }
svg .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
${['blue', 'red', 'green', 'amber', 'sky', 'pink', 'grey']
  .map(
    (hue) =>
      `.line.${hue} { stroke: var(--${hue}); } .fill.${hue}, .dot.${hue} { fill: var(--${hue}); }`,
  )
  .join('\n')}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin-top: 12px; }
th, td { padding: 5px 14px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 13px ui-monospace, monospace; }
.note { padding: 8px 14px; border-left: 4px solid var(--amber); margin: 12px 0; }
`;

/** Rounds in charts and tables: the latest. */
const MOST_ROUNDS = 200;

/** The report of a run. */
export function runPage(history: RunHistory, summary: RunSummary): string {
  const title = `Run ${summary.name}`;
  const rounds = summary.rounds.slice(-MOST_ROUNDS);
  const cut =
    rounds.length < summary.rounds.length
      ? `<p class="faint">The latest ${rounds.length} of ${summary.rounds.length} rounds are shown.</p>`
      : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${heading(summary, title)}
${cut}
${accuracy(rounds)}
${privacy(summary, rounds)}
${showsClients(history, summary.audience) ? clientSections(history) : ''}
${participation(rounds)}
${timings(rounds)}
${table(rounds)}
${footer(history, summary)}
</body>
</html>
`;
}

function heading(summary: RunSummary, title: string): string {
  const { run, audience, rule, optimizer, modes, planned, rounds, finished } = summary;
  const published = rounds.filter(({ outcome }) => outcome === 'published').length;
  const standing = finished === undefined ? 'The run goes on.' : `The run is over: ${finished}.`;
  const confidential =
    audience === 'public'
      ? ''
      : '<p class="note">For the operator of the run: figures of clients and of updates without noise are confidential, and no part of what is promised of ε.</p>';
  return `<h1>${safe(title)}</h1>
<p class="faint"><code>${safe(run)}</code> · ${safe(rule)} · ${safe(optimizer)} · ${safe(modes.join(' + '))} · ${published} of ${counted(planned, 'round')} published. ${safe(standing)}</p>
${confidential}`;
}

function accuracy(rounds: readonly RoundSummary[]): string {
  const values = rounds.map((round) => round.accuracy);
  if (values.every((value) => value === undefined)) return '';
  const title = 'Accuracy of published models';
  const chart = lines([{ label: 'accuracy', hue: 'blue', values }], {
    title,
    rounds: rounds.map(({ round }) => round),
    show: (value) => `${(100 * value).toFixed(1)} %`,
    top: 1,
  });
  return section(title, 'On examples that no client has.', chart);
}

function privacy({ budget }: RunSummary, rounds: readonly RoundSummary[]): string {
  const values = rounds.map(({ epsilon }) => epsilon);
  if (budget === undefined || values.every((value) => value === undefined)) return '';
  const chart = lines([{ label: 'ε spent', hue: 'pink', values }], {
    title: 'ε over rounds',
    rounds: rounds.map(({ round }) => round),
    show: (value) => value.toPrecision(3),
    limit: { value: budget.epsilon, label: `budget ${budget.epsilon}` },
  });
  return section('ε over rounds', `Of everything charged so far, at δ = ${budget.delta}.`, chart);
}

function participation(rounds: readonly RoundSummary[]): string {
  if (rounds.every(({ clients }) => clients === undefined)) return '';
  const part = (name: 'counted' | 'excluded' | 'refused' | 'missing', hue: string) => ({
    label: name,
    hue,
    values: rounds.map(({ clients }) => clients?.[name]),
  });
  const chart = stacks(
    [
      part('counted', 'green'),
      part('excluded', 'red'),
      part('refused', 'amber'),
      part('missing', 'grey'),
    ],
    {
      title: 'Who took part',
      rounds: rounds.map(({ round }) => round),
      show: (value) => String(Number(value.toFixed(1))),
      isWhole: true,
    },
  );
  const text =
    'Of the members of each round: whose update counted, was left out by the screen, was never taken, or never came.';
  return section('Who took part', text, chart);
}

const PHASES = [
  ['collect', 'grey'],
  ['screen', 'sky'],
  ['account', 'pink'],
  ['aggregate', 'blue'],
  ['publish', 'green'],
] as const;

function timings(rounds: readonly RoundSummary[]): string {
  if (rounds.every(({ seconds }) => seconds === undefined)) return '';
  const parts = PHASES.map(([phase, hue]) => ({
    label: phase,
    hue,
    values: rounds.map(({ seconds }) => seconds?.[phase]),
  }));
  const text = {
    title: 'Time of each phase',
    rounds: rounds.map(({ round }) => round),
    show: (value: number) => `${Number(value.toPrecision(3))} s`,
  };
  const after = stacks(parts.slice(1), { ...text, title: 'Time after collecting' });
  return section(
    text.title,
    'All phases, and those after updates were in.',
    stacks(parts, text) + after,
  );
}

function table(rounds: readonly RoundSummary[]): string {
  const titles = ['#round', 'outcome', 'model', '#updates', '#accuracy', '#ε', ''];
  const rows = rounds.map((round) => {
    const { outcome, model = '', clients, accuracy: share, epsilon, failure, reason = '' } = round;
    return [
      String(round.round),
      failure === undefined ? outcome : `${outcome}: ${failure}`,
      model.slice(0, 12),
      clients === undefined ? '' : `${clients.counted} of ${clients.selected}`,
      share === undefined ? '' : `${(100 * share).toFixed(1)} %`,
      epsilon === undefined ? '' : epsilon.toPrecision(4),
      reason,
    ];
  });
  return section('Rounds', '', tableOf(titles, rows));
}

function footer({ events }: RunHistory, { begun, latest, audience }: RunSummary): string {
  const time = (ms: number): string => new Date(ms).toISOString();
  const what = audience === 'public' ? '' : `${events} events, `;
  return `<p class="faint">${what}${time(begun)} to ${time(latest)}. Whether it is true, <code>aggregis report --verify</code> tells.</p>`;
}
