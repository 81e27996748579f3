/**
 * The last step of a server: the sum of a cohort out of what was revealed, and who is to blame if there is
 * something wrong.
 *
 * @module
 */

import { type Blame, type Finding, judge, type Verdict } from '../blame.ts';
import { encodingOf } from '../config.ts';
import { slotsOk } from '../encode.ts';
import { canaryOf } from '../keys.ts';
import { encodeMessage, shareAt } from '../messages.ts';
import { type Refusal, refusal } from '../reasons.ts';
import { type HeldShare, unmaskCohort } from '../unmask.ts';
import type { ServerRound } from './round.ts';
import type { CohortState, SecureSum } from './state.ts';
import { steadyMasks } from './steady.ts';

/** What came of a cohort. */
type CohortOutcome = { readonly blamed: readonly Blame[] } & (
  | { readonly sum: SecureSum; readonly refusal?: undefined }
  | { readonly sum?: undefined; readonly refusal: Refusal }
);

/** The sum of a cohort, or why there is none. Changes nothing. */
export async function sumOf(round: ServerRound, cohort: CohortState): Promise<CohortOutcome> {
  const { config, crypto } = round.options;
  const state = round.state;
  const survivors = cohort.members.filter((i) => state.survivors.has(i));
  const { findings, ...outcome } = await unmaskCohort({
    sum: cohort.sum!,
    survivors,
    dropped: cohort.members.filter((i) => state.sharers.has(i) && !state.survivors.has(i)),
    graph: round.graph,
    roster: state.roster,
    binding: state.binding,
    commitments: (index) => state.shared.get(index)!.commitment,
    shares: revealedShares(round, cohort),
    crypto,
    masks: steadyMasks(round),
  });
  const verdicts = judge(findings, round.graph);
  const blamed = verdicts.map((verdict) => blame(round, verdict));
  if ('refusal' in outcome) return { refusal: outcome.refusal, blamed };
  const words = reduced(outcome.words, config.ringBits);
  const ctxConstants = canaryOf(round.context, crypto);
  if (!slotsOk(encodingOf(config), { words, survivors: survivors.length, ctxConstants })) {
    return { refusal: refusal('canary'), blamed };
  }
  const liars = liarsOf(findings, verdicts);
  const sum = {
    cohort: state.cohorts.indexOf(cohort),
    inputs: survivors.map((index) => round.nameOf(index)),
    words,
    view: cohort.view!,
    liars: liars.map((index) => round.nameOf(index)),
    evidence: liars.map((index) => revealedMessage(round, index)),
  };
  return { sum, blamed };
}

function blame(round: ServerRound, { client, fault, have, need, owners }: Verdict): Blame {
  const { revealed } = round.state;
  const witnesses = new Set(owners.flatMap((owner) => round.near(owner, revealed)));
  const evidence = [...witnesses].map((index) => revealedMessage(round, index));
  return { client: round.nameOf(client), fault, have, need, evidence };
}

/** The shares that a client revealed, in the message that they came in. */
function revealedMessage(round: ServerRound, sender: number): Uint8Array {
  const header = { type: 'unmask', context: round.context, sender } as const;
  return encodeMessage(header, round.state.revealed.get(sender)!);
}

/** The shares of a member's secret that its neighbours revealed, found when they are asked for. */
function revealedShares(
  round: ServerRound,
  { members }: CohortState,
): (index: number) => HeldShare[] {
  const { revealed, sharers } = round.state;
  const near = new Map(members.map((from) => [from, round.near(from, sharers)]));
  return (index) =>
    round.near(index, revealed).map((from) => {
      const x = 1 + round.graph.rank(index, from);
      const place = placeIn(near.get(from)!, index);
      return { x, share: shareAt(revealed.get(from)!, place), from };
    });
}

/** Who revealed shares that do not fit, but for those of owners who certainly dealt wrong ones. */
function liarsOf(findings: readonly Finding[], verdicts: readonly Verdict[]): number[] {
  const dealers = new Set(
    verdicts.filter(({ fault }) => fault !== 'revealed').map(({ client }) => client),
  );
  const open = findings.filter(({ owner }) => !dealers.has(owner));
  return [...new Set(open.flatMap(({ wrong }) => wrong))].sort((a, b) => a - b);
}

/** The place of one of many ascending numbers. */
function placeIn(ascending: readonly number[], one: number): number {
  let low = 0;
  for (let high = ascending.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < one) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The lowest bits of each word. */
function reduced(words: Uint32Array, bits: number): Uint32Array {
  const mask = bits === 32 ? 0xffff_ffff : 2 ** bits - 1;
  return words.map((word) => word & mask);
}
