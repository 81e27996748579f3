/**
 * What a report says of a run, in figures; and what of that is for others than its operator.
 *
 * Evidence about clients is the operator's, and so is all that was computed on updates without noise. A
 * report for the public has neither, and where updates are private it has nothing but figures of models
 * that hold noise, on data that anybody may have.
 *
 * @module
 */

import { type Mode, modesOf } from '../../federation/composition.ts';
import type { RunConfig } from '../../federation/run-config.ts';
import type { RoundHistory, RoundTimes, RunHistory } from '../../federation/run-history.ts';
import type { Evaluation } from '../model.ts';

/** Who reads a report. */
export type Audience = 'operator' | 'public';

/** How long each phase of a round took, in seconds. */
export interface PhaseSeconds {
  readonly collect: number;
  readonly screen?: number;
  /** Charging the budget, and taking masks off. */
  readonly account?: number;
  readonly aggregate?: number;
  readonly publish?: number;
}

/** What became of those who were asked. */
export interface RoundCounts {
  readonly selected: number;
  readonly counted: number;
  readonly excluded: number;
  readonly refused: number;
  readonly missing: number;
}

/** A round in figures. */
export interface RoundSummary {
  readonly round: number;
  readonly outcome: 'published' | 'failed' | 'open';
  readonly model?: string;
  /** A stable word. */
  readonly failure?: string;
  readonly reason?: string;
  /** Of the published model, on data that no client has. */
  readonly accuracy?: number;
  readonly loss?: number;
  readonly epsilon?: number;
  readonly clients?: RoundCounts;
  readonly seconds?: PhaseSeconds;
  /** Median of the norms of updates. */
  readonly medianNorm?: number;
}

/** A run in figures. */
export interface RunSummary {
  readonly run: string;
  readonly name: string;
  readonly audience: Audience;
  readonly rule: string;
  readonly optimizer: string;
  readonly modes: readonly Mode[];
  /** Rounds that are planned. */
  readonly planned: number;
  readonly begun: number;
  readonly latest: number;
  readonly finished?: string;
  readonly budget?: { readonly epsilon: number; readonly delta: number };
  readonly rounds: readonly RoundSummary[];
}

/** How well a published model does, where that is known. */
export type Evaluate = (model: string) => Promise<Evaluation | undefined>;

/** Whether figures of single clients may be in a report. */
export function showsClients({ config }: RunHistory, audience: Audience): boolean {
  return audience === 'operator' && config.reports.clients;
}

/** The figures of a run for an audience. */
export async function summaryOf(
  history: RunHistory,
  { audience, evaluate }: { readonly audience: Audience; readonly evaluate: Evaluate },
): Promise<RunSummary> {
  const { run, config, begun, latest, finished } = history;
  const { privacy } = config;
  const rounds: RoundSummary[] = [];
  for (const round of history.rounds) {
    rounds.push(await roundSummary(round, { config, audience, evaluate }));
  }
  return {
    run,
    name: config.name,
    audience,
    rule: config.rule,
    optimizer: config.optimizer,
    modes: modesOf(config),
    planned: config.rounds,
    begun,
    latest,
    ...(finished !== undefined && { finished }),
    ...(privacy?.kind === 'central' && {
      budget: { epsilon: privacy.epsilon, delta: privacy.delta },
    }),
    rounds,
  };
}

/** The figures of one round. */
export async function roundSummary(
  round: RoundHistory,
  {
    config,
    audience,
    evaluate,
  }: {
    readonly config: Pick<RunConfig, 'privacy'>;
    readonly audience: Audience;
    readonly evaluate: Evaluate;
  },
): Promise<RoundSummary> {
  const { model, failure, epsilon } = round;
  const evaluation = model === undefined ? undefined : await evaluate(model);
  const released: RoundSummary = {
    round: round.round,
    outcome: model !== undefined ? 'published' : failure !== undefined ? 'failed' : 'open',
    ...(model !== undefined && { model }),
    ...(failure && { failure: failure.code }),
    ...(epsilon !== undefined && { epsilon }),
    ...(evaluation && { accuracy: evaluation.accuracy, loss: evaluation.loss }),
  };
  // How many took part, and how long it took, follow from updates and from who has some.
  if (audience === 'public' && config.privacy !== undefined) return released;
  const medianNorm = median([...round.figures.values()].flatMap(({ norm }) => norm ?? []));
  return {
    ...released,
    ...(failure && audience === 'operator' && { reason: failure.reason }),
    clients: countsOf(round),
    seconds: secondsOf(round.times),
    ...(medianNorm !== undefined && { medianNorm }),
  };
}

function countsOf({ outcomes }: RoundHistory): RoundCounts {
  const counts = { counted: 0, excluded: 0, refused: 0, missing: 0 };
  for (const outcome of outcomes.values()) counts[outcome]++;
  return { selected: outcomes.size, ...counts };
}

function secondsOf({
  opened,
  closed,
  screened,
  charged,
  aggregated,
  over,
}: RoundTimes): PhaseSeconds {
  const span = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : Math.max(0, to - from) / 1000;
  const [screen, account, aggregate, publish] = [
    span(closed, screened),
    span(screened, charged),
    span(charged ?? screened, aggregated),
    span(aggregated, over),
  ];
  return {
    collect: span(opened, closed ?? over) ?? 0,
    ...(screen !== undefined && { screen }),
    ...(account !== undefined && { account }),
    ...(aggregate !== undefined && { aggregate }),
    ...(publish !== undefined && { publish }),
  };
}

/** The middle of values; of an even number, the lower one. */
export function median(values: readonly number[]): number | undefined {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[(ordered.length - 1) >> 1];
}
