/**
 * The clients of a run, for its operator: what stood out of each update, what became of it, how far each
 * client is trusted, and what was refused.
 *
 * @module
 */

import type {
  ClientHistory,
  MemberOutcome,
  RoundHistory,
  RunHistory,
} from '../../federation/run-history.ts';
import { type Cell, map } from './charts.ts';
import { section, tableOf } from './markup.ts';
import { median } from './summary.ts';

/** Clients and rounds that are drawn. */
const MOST_CLIENTS = 100;
const MOST_ROUNDS = 120;
const MOST_REASON = 160;

const OUTCOMES: { readonly [O in MemberOutcome]: Cell } = {
  counted: { hue: 'green', shade: 0.7, text: 'counted' },
  excluded: { hue: 'red', shade: 1, text: 'excluded' },
  refused: { hue: 'amber', shade: 1, text: 'refused' },
  missing: { hue: 'grey', shade: 0.35, text: 'nothing came' },
};

/** Maps of clients × rounds, and tables of clients and refusals. */
export function clientSections(history: RunHistory): string {
  const columns = history.rounds.slice(-MOST_ROUNDS).map(columnOf);
  const tallies = history.clients.map((client) => tallyOf(client, history.rounds));
  const shown = tallies.sort(byWorst).slice(0, MOST_CLIENTS);
  const of = (text: string, cell: (column: Column, client: string) => Cell | undefined): string =>
    map({
      title: text,
      rows: shown.map(({ name }) => name),
      rounds: columns.map(({ round }) => round.round),
      cell: (row, column) => cell(columns[column]!, shown[row]!.client.client),
    });
  const cut =
    shown.length < tallies.length
      ? ` Of ${tallies.length} clients, the ${shown.length} with most against them.`
      : '';
  const parts = [
    columns.some(({ norm }) => norm !== undefined) &&
      section(
        'Distances',
        `The norm of each update beside the median of its round: orange above, blue below, full at 16 times as much or as little.${cut}`,
        of('Norms of updates, beside the median', distanceCell),
      ),
    columns.some(({ score }) => score !== undefined) &&
      section(
        'Scores',
        `What detectors make of each update, orange, full at what is suspicious; or else what the rule does, blue, in its own measure and full at the round’s largest.${cut}`,
        of('Scores of updates', scoreCell),
      ),
    section(
      'What became of each update',
      `Green counted, orange was left out by the screen, yellow was refused, grey never came.${cut}`,
      of('What became of updates', ({ round }, client) => {
        const outcome = round.outcomes.get(client);
        return outcome && OUTCOMES[outcome];
      }),
    ),
    history.config.reputation !== undefined &&
      section('Trust', `Full where all of it is lost.${cut}`, of('Trust that was lost', trustCell)),
    section('Clients', '', clientTable(shown)),
    refusals(history.rounds),
  ];
  return parts.filter((part) => part !== false).join('\n');
}

/** A round, and what is in its middle. */
interface Column {
  readonly round: RoundHistory;
  readonly norm?: number;
  /** The largest. */
  readonly score?: number;
}

function columnOf(round: RoundHistory): Column {
  const figures = [...round.figures.values()];
  const norm = median(figures.flatMap((one) => one.norm ?? []));
  const scores = figures.flatMap((one) => one.score ?? []);
  const score = scores.length === 0 ? undefined : scores.reduce((a, b) => Math.max(a, b));
  return { round, ...(norm !== undefined && { norm }), ...(score !== undefined && { score }) };
}

/** A client, counted up. */
interface Tally {
  readonly client: ClientHistory;
  /** What it is called: by itself, and by its key. */
  readonly name: string;
  readonly outcomes: { readonly [O in MemberOutcome]: number };
  readonly lastReason: string;
}

function tallyOf(client: ClientHistory, rounds: readonly RoundHistory[]): Tally {
  const outcomes = { counted: 0, excluded: 0, refused: 0, missing: 0 };
  let lastReason = '';
  for (const round of rounds) {
    const outcome = round.outcomes.get(client.client);
    if (outcome !== undefined) outcomes[outcome]++;
    const refusal = round.refusals.findLast((one) => one.client === client.client);
    const reason = round.excluded.get(client.client) ?? refusal?.reason;
    if (reason !== undefined) lastReason = `round ${round.round}: ${reason}`;
  }
  const id = client.client.slice(0, 10);
  const { name } = client.attributes;
  return {
    client,
    name: name === undefined ? id : `${name.slice(0, 24)} ${id}`,
    outcomes,
    lastReason,
  };
}

function byWorst(a: Tally, b: Tally): number {
  const against = ({ outcomes }: Tally): number => outcomes.excluded + outcomes.refused;
  return a.client.trust - b.client.trust || against(b) - against(a);
}

function distanceCell({ round, norm: middle }: Column, client: string): Cell | undefined {
  const norm = round.figures.get(client)?.norm;
  if (norm === undefined || middle === undefined) return undefined;
  const ratio = middle > 0 ? norm / middle : 1;
  const shade = Math.min(1, Math.abs(Math.log2(Math.max(ratio, 2 ** -8))) / 4);
  const text = `norm ${norm.toPrecision(4)}, ${ratio.toPrecision(3)} of the median`;
  return { hue: ratio > 1 ? 'red' : 'blue', shade, text };
}

function scoreCell({ round, score: largest = 0 }: Column, client: string): Cell | undefined {
  const found = round.figures.get(client);
  if (found?.score === undefined) return undefined;
  const full = round.threshold ?? largest;
  const worst = Object.entries(found.deviations).sort((a, b) => b[1] - a[1])[0];
  const by = worst === undefined ? [] : [`${worst[0]} ${worst[1].toPrecision(3)}`];
  return {
    // What a rule's own figure means is the rule's: often, more is better.
    hue: round.threshold === undefined ? 'blue' : 'red',
    shade: full > 0 ? found.score / full : 0,
    text: short([`score ${found.score.toPrecision(4)}`, ...by, ...found.reasons].join('; ')),
  };
}

function trustCell({ round }: Column, client: string): Cell | undefined {
  const left = round.trust.get(client) ?? (round.outcomes.has(client) ? 1 : undefined);
  if (left === undefined) return undefined;
  return { hue: 'red', shade: 1 - left, text: `trust ${left.toFixed(3)}` };
}

function clientTable(tallies: readonly Tally[]): string {
  const titles = ['client', '', '#trust', '#counted', '#excluded', '#refused', '#missing', 'last'];
  const rows = tallies.map(({ client, name, outcomes, lastReason }) => [
    name,
    client.revoked ? 'revoked' : client.quarantined ? 'quarantined' : '',
    client.trust.toFixed(2),
    ...(['counted', 'excluded', 'refused', 'missing'] as const).map((key) => String(outcomes[key])),
    short(lastReason),
  ]);
  return tableOf(titles, rows);
}

function refusals(rounds: readonly RoundHistory[]): string | false {
  const codes = new Map<string, { count: number; clients: Set<string>; reason: string }>();
  for (const { refusals: all } of rounds) {
    for (const { code, client, reason } of all) {
      const known = codes.get(code) ?? { count: 0, clients: new Set<string>(), reason };
      known.count++;
      known.clients.add(client);
      codes.set(code, known);
    }
  }
  if (codes.size === 0) return false;
  const rows = [...codes].map(([code, { count, clients, reason }]) => [
    code,
    String(count),
    String(clients.size),
    short(reason),
  ]);
  const text = 'Updates that were declared and not taken.';
  return section('Refusals', text, tableOf(['code', '#times', '#clients', 'such as'], rows));
}

function short(text: string): string {
  return text.length <= MOST_REASON ? text : `${text.slice(0, MOST_REASON)}…`;
}
