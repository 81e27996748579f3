/**
 * For every law that a rule does not declare, numbers on which the rule breaks it.
 *
 * A new rule needs a line here for each law that it does not declare; `laws.test.ts` names those that
 * are missing.
 *
 * @module
 */

import type { Law } from '../../src/rules/rule.ts';
import type { Trial } from '../support/laws.ts';

/** Numbers on which rules break a law, and why each of them does. */
export interface Counterexample {
  readonly law: Law;
  readonly trial: Trial;
  /** One sentence for each rule. */
  readonly why: Readonly<Record<string, string>>;
}

const pullsInFull = 'rows nearer than τ pull in full, so the centre reaches them';
const startsWithinNu = 'ν is more than the distance of the first row, and after scaling it is not';
const startsAtZero = 'the start at zero does not move with the rows';
const leadsToMinimiser = 'the steps lead towards the minimiser, which is 0';
const takesOne = 'takes one row, and no row is the mean';
const claims = 'the last client claims 8 examples of 14';
const movesMean = 'an attacker moves the mean by a share of whatever it sends';
const followsAgreement = 'where all rows agree the result is that row, so it doubles with them';

/** Every counterexample. */
export const counterexamples: readonly Counterexample[] = [
  {
    law: 'scale-invariant',
    trial: { f: 1, rows: Array(7).fill([0.25]), factor: 2 },
    why: {
      arc: 'norms that are alike are not clipped',
      bucketing: followsAgreement,
      'bucketing:size=3,permutation=10/9/…': followsAgreement,
      bulyan: followsAgreement,
      'bulyan:preset=flower': followsAgreement,
      caf: followsAgreement,
      'caf:tauMax=all': followsAgreement,
      'centered-clipping': pullsInFull,
      'centered-clipping:tau=10': pullsInFull,
      'clip-norm': 'rows shorter than the limit stay as they are',
      dnc: followsAgreement,
      'fl-trust': followsAgreement,
      flame: followsAgreement,
      'geometric-median': followsAgreement,
      'geometric-median:iterations=3,nu=0.1': followsAgreement,
      'geometric-median:iterations=8,nu=0.000001': followsAgreement,
      krum: followsAgreement,
      'krum:preset=byzfl': followsAgreement,
      'krum:preset=flower': followsAgreement,
      'krum:preset=paper': followsAgreement,
      mda: followsAgreement,
      'mea-med': followsAgreement,
      mean: followsAgreement,
      median: followsAgreement,
      monna: followsAgreement,
      'monna:trusted=10': followsAgreement,
      'multi-krum': followsAgreement,
      'multi-krum:m=1': followsAgreement,
      'multi-krum:preset=byzfl': followsAgreement,
      'multi-krum:preset=byzfl,weighting=examples': followsAgreement,
      'multi-krum:preset=flower': followsAgreement,
      'multi-krum:preset=flower,m=11': followsAgreement,
      nnm: followsAgreement,
      phocas: followsAgreement,
      'sign-guard': followsAgreement,
      smea: followsAgreement,
      'trimmed-mean': followsAgreement,
      'trimmed-mean-beta': followsAgreement,
      'weighted-mean': followsAgreement,
      'weighted-mean:weights=1/2/…': followsAgreement,
    },
  },
  {
    law: 'scale',
    trial: { f: 0, rows: [[16], [16]], factor: 2 },
    why: {
      'centered-clipping': 'three steps of τ = 1 lead to 3, wherever the rows lie beyond',
      'centered-clipping:tau=10': 'one step of τ = 10 leads to 10, wherever the rows lie beyond',
      'clip-norm': 'both 16 and 32 are clipped to 1',
      'sign-vote': 'the vote is 1 however large the values are',
    },
  },
  {
    law: 'scale',
    trial: { f: 0, rows: [[2 ** -22], [2 ** -18]], factor: 2 ** 23 },
    why: {
      'geometric-median:iterations=3,nu=0.1': startsWithinNu,
      'geometric-median:iterations=8,nu=0.000001': startsWithinNu,
    },
  },
  {
    law: 'translation',
    trial: { f: 1, rows: [[1], [2], [3]], shift: [-100] },
    why: {
      arc: 'the longest row is clipped: 3, but after the shift −99, which was the shortest',
      'centered-clipping': startsAtZero,
      'centered-clipping:tau=10': startsAtZero,
      'clip-norm': 'norms are lengths from zero, which does not move with the rows',
      flame: 'norms are lengths from zero, and so the row at 3 is clipped to 2',
      'fools-gold': 'after the shift all three point the same way, and nobody has weight',
      'sign-guard': 'norms are lengths from zero, and so the row at 3 is clipped to 2',
      'sign-vote': 'the shift turns all signs',
    },
  },
  {
    law: 'translation',
    trial: { f: 0, rows: [[0], [8]], shift: [4] },
    why: {
      'geometric-median:iterations=3,nu=0.1': startsAtZero,
      'geometric-median:iterations=8,nu=0.000001': startsAtZero,
    },
  },
  {
    law: 'mean-without-faults',
    trial: { f: 0, rows: [[0], [0], [0], [0], [0], [0], [14]], counts: [1, 1, 1, 1, 1, 1, 8] },
    why: {
      bucketing: 'the last bucket has one client of seven and counts as much as one of two',
      'bucketing:size=3,permutation=10/9/…':
        'the last bucket has one client of seven and counts as much as one of three',
      'centered-clipping': 'the row at 14 pulls with τ = 1 at most',
      'centered-clipping:tau=10': 'the row at 14 pulls with τ = 10 at most',
      'clip-norm': 'the row at 14 is clipped to 1',
      'fl-trust': 'the median is 0, and no row is longer than the root',
      flame: 'the median norm is 0, and no row is longer',
      'sign-guard': 'the median norm is 0, and no row is longer',
      'geometric-median': 'six of seven rows lie on 0',
      'geometric-median:iterations=3,nu=0.1': leadsToMinimiser,
      'geometric-median:iterations=8,nu=0.000001': leadsToMinimiser,
      krum: takesOne,
      'krum:preset=byzfl': takesOne,
      'krum:preset=flower': takesOne,
      'krum:preset=paper': takesOne,
      median: 'the middle value is 0',
      'multi-krum': 'keeps n − 2 rows at f = 0, all of them 0',
      'multi-krum:m=1': takesOne,
      'multi-krum:preset=byzfl,weighting=examples': claims,
      'multi-krum:preset=flower': takesOne,
      'multi-krum:preset=flower,m=11': claims,
      'sign-vote': 'the one sign is 1 and the mean is 2',
      'weighted-mean': claims,
      'weighted-mean:weights=1/2/…': 'the last weight is 7 of 28',
    },
  },
  {
    law: 'agreement',
    trial: { f: 0, rows: [[50], [50], [50]] },
    why: {
      'centered-clipping': 'three steps of τ = 1 from zero lead to 3',
      'centered-clipping:tau=10': 'one step of τ = 10 from zero leads to 10',
      'clip-norm': 'rows at 50 are clipped to 1',
      'fools-gold': 'where all are alike nobody has weight',
      'sign-vote': 'the vote on 50 is 1',
    },
  },
  {
    law: 'permutation',
    trial: { f: 0, rows: [[0], [1], [2], [4]], order: [3, 1, 2, 0] },
    why: {
      bucketing: 'buckets hold row numbers, so clients that change places change buckets',
      'bucketing:size=3,permutation=10/9/…': 'the last bucket holds row number 0, whoever sends it',
      'weighted-mean:weights=1/2/…': 'the weights stay with the row numbers',
    },
  },
  {
    law: 'permutation',
    trial: { f: 1, rows: [[0], [1], [4]], order: [2, 1, 0] },
    why: {
      monna: 'the trusted row is the one with number 0, whoever sends it',
      'monna:trusted=10': 'the trusted row is the last, whoever sends it',
    },
  },
  {
    law: 'permutation',
    trial: {
      f: 1,
      rows: [[0], [1], [3], [5], [9], [10], [12]],
      order: [6, 5, 4, 3, 2, 1, 0],
    },
    why: {
      bulyan: 'once 3, 9 and 1 are picked, 10 and 12 are nearest to each other and tie',
    },
  },
  {
    law: 'permutation',
    trial: {
      f: 1,
      rows: [
        [0, 5],
        [4, 0],
        [-4, 0],
        [0, -5],
      ],
      order: [3, 2, 1, 0],
    },
    why: {
      mda: 'without either of the farthest pair, 10 apart, the diameter is the 8 of the other two',
    },
  },
  {
    law: 'bounded',
    trial: { f: 2, rows: [[0], [0], [0], [1], [2]], sent: [[1e6], [1e6]] },
    why: {
      'krum:preset=flower': 'one neighbour is compared, and the two attackers have each other',
      mean: movesMean,
      monna: 'the trusted client is an attacker',
      'multi-krum:preset=flower':
        'one neighbour is compared, and the two attackers have each other',
      'multi-krum:preset=flower,m=11': 'all rows are kept',
      'weighted-mean': movesMean,
      'weighted-mean:weights=1/2/…': movesMean,
    },
  },
  {
    law: 'bounded',
    trial: { f: 1, rows: [[0], [1], [2]], order: [2, 0, 1], sent: [[1e6]] },
    why: { 'monna:trusted=10': 'the trusted client, here the last of three, is an attacker' },
  },
  {
    law: 'bounded',
    trial: { f: 2, rows: [[0], [0], [0], [1], [2]], sent: [[1e15], [1e6]] },
    why: {
      'caf:tauMax=all': 'the row at 1e15 has lost its weight and keeps that at 1e6 from losing any',
      dnc: 'the row at 1e15 makes the scores of all others alike, that of 1e6 among them',
    },
  },
  {
    law: 'scale-invariant',
    trial: {
      f: 0,
      rows: [
        [1, 0],
        [0, 1],
      ],
      factor: 2,
    },
    why: {
      'fools-gold': 'rows at right angles have equal weight, so the result doubles with them',
    },
  },
  {
    law: 'mean-without-faults',
    trial: {
      f: 0,
      rows: [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    },
    why: { 'fools-gold': 'two rows are the same, and lose their weight' },
  },
  {
    law: 'translation',
    trial: {
      f: 0,
      rows: [
        [1, 0],
        [0, 1],
        [1, 1],
      ],
      shift: [16, 0],
    },
    why: { 'fl-trust': 'angles are seen from zero, which does not move with the rows' },
  },
  {
    law: 'bounded',
    trial: {
      f: 1,
      rows: [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
      sent: [[-1e6, -1e6]],
    },
    why: { 'fools-gold': 'a lone attacker is like nobody, and keeps its full weight' },
  },
];
