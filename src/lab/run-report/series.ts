/**
 * Rounds as series of scalars, for TensorBoard.
 *
 * @module
 */

import type { ScalarEvent } from '../../formats/event-file.ts';
import type { RoundSummary } from './summary.ts';

/** The scalars of a round that is over. @param time - When it was, in milliseconds since 1970. */
export function scalarsOf(summary: RoundSummary, time: number): ScalarEvent {
  const { round, accuracy, loss, epsilon, clients = {}, seconds = {}, medianNorm } = summary;
  const all: Record<string, number | undefined> = {
    accuracy,
    loss,
    'privacy/epsilon': epsilon,
    'updates/median_norm': medianNorm,
    ...prefixed('clients', clients),
    ...prefixed('seconds', seconds),
  };
  const scalars = Object.entries(all).flatMap(([tag, value]) =>
    value === undefined ? [] : [{ tag, value }],
  );
  return { wallTime: time / 1000, step: round, scalars };
}

function prefixed(group: string, values: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${group}/${name}`, Number(value)]),
  );
}
