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

const followsAgreement = 'where all rows agree the result is that row, so it doubles with them';

/** Every counterexample. */
export const counterexamples: readonly Counterexample[] = [
  {
    law: 'scale-invariant',
    trial: { f: 1, rows: Array(7).fill([0.25]), factor: 2 },
    why: {
      arc: 'norms that are alike are not clipped',
      bucketing: followsAgreement,
      bulyan: followsAgreement,
      'bulyan:preset=flower': followsAgreement,
      caf: followsAgreement,
      'centered-clipping': 'rows nearer than τ pull in full, so the centre reaches them',
      'clip-norm': 'rows shorter than the limit stay as they are',
      'geometric-median': followsAgreement,
      'geometric-median:iterations=8,nu=0.1': followsAgreement,
      krum: followsAgreement,
      'krum:preset=byzfl': followsAgreement,
      'krum:preset=flower': followsAgreement,
      mda: followsAgreement,
      'mea-med': followsAgreement,
      mean: followsAgreement,
      median: followsAgreement,
      monna: followsAgreement,
      'multi-krum': followsAgreement,
      'multi-krum:m=1': followsAgreement,
      'multi-krum:preset=byzfl': followsAgreement,
      'multi-krum:preset=byzfl,m=5': followsAgreement,
      'multi-krum:preset=byzfl,weighting=examples': followsAgreement,
      'multi-krum:preset=flower': followsAgreement,
      nnm: followsAgreement,
      phocas: followsAgreement,
      smea: followsAgreement,
      'trimmed-mean': followsAgreement,
      'trimmed-mean-beta': followsAgreement,
      'weighted-mean': followsAgreement,
      'weighted-mean:weights=1/2/…': followsAgreement,
    },
  },
  {
    law: 'scale',
    trial: { f: 0, rows: [[4], [4]], factor: 2 },
    why: {
      'centered-clipping': 'three steps of τ = 1 lead to 3, wherever the rows lie beyond',
      'clip-norm': 'both 4 and 8 are clipped to 1',
      'sign-vote': 'the vote is 1 however large the values are',
    },
  },
  {
    law: 'scale',
    trial: { f: 0, rows: [[0.0625], [8]], factor: 1024 },
    why: {
      'geometric-median:iterations=8,nu=0.1':
        'ν = 0.1 is more than the distance to the first row, and after scaling it is not',
    },
  },
  {
    law: 'translation',
    trial: { f: 1, rows: [[1], [2], [3]], shift: [-10] },
    why: {
      arc: 'the longest row is clipped: 3, but after the shift −9, which was the shortest',
      'centered-clipping': 'the centre starts at zero, which does not move with the rows',
      'clip-norm': 'norms are lengths from zero, which does not move with the rows',
      'sign-vote': 'the shift turns all signs',
    },
  },
  {
    law: 'translation',
    trial: { f: 0, rows: [[0], [8]], shift: [4] },
    why: {
      'geometric-median:iterations=8,nu=0.1':
        'the steps start at zero, first on the lower row and then midway between the two',
    },
  },
  {
    law: 'mean-without-faults',
    trial: { f: 0, rows: [[0], [0], [0], [0], [0], [0], [14]], counts: [1, 1, 1, 1, 1, 1, 8] },
    why: {
      bucketing: 'the last bucket has one client of seven and counts as much as one of two',
      'centered-clipping': 'the row at 14 pulls with τ = 1 at most',
      'clip-norm': 'the row at 14 is clipped to 1',
      'geometric-median': 'six of seven rows lie on 0',
      'geometric-median:iterations=8,nu=0.1': 'the steps lead towards the minimiser, which is 0',
      krum: 'takes one row, and no row is the mean',
      'krum:preset=byzfl': 'takes one row, and no row is the mean',
      'krum:preset=flower': 'takes one row, and no row is the mean',
      median: 'the middle value is 0',
      'multi-krum': 'keeps n − 2 rows at f = 0, all of them 0',
      'multi-krum:m=1': 'takes one row, and no row is the mean',
      'multi-krum:preset=byzfl,m=5': 'keeps five rows, all of them 0',
      'multi-krum:preset=byzfl,weighting=examples': 'the last client claims 8 examples of 14',
      'multi-krum:preset=flower': 'takes one row, and no row is the mean',
      'sign-vote': 'the one sign is 1 and the mean is 2',
      'weighted-mean': 'the last client claims 8 examples of 14',
      'weighted-mean:weights=1/2/…': 'the last weight is 7 of 28',
    },
  },
  {
    law: 'agreement',
    trial: { f: 0, rows: [[5], [5], [5]] },
    why: {
      'centered-clipping': 'three steps of τ = 1 from zero lead to 3',
      'clip-norm': 'rows at 5 are clipped to 1',
      'sign-vote': 'the vote on 5 is 1',
    },
  },
  {
    law: 'permutation',
    trial: { f: 0, rows: [[0], [1], [2], [4]], order: [0, 2, 1, 3] },
    why: {
      bucketing: 'buckets hold row numbers, so clients that change places change buckets',
      'weighted-mean:weights=1/2/…': 'the weights stay with the row numbers',
    },
  },
  {
    law: 'permutation',
    trial: { f: 1, rows: [[0], [1], [4]], order: [2, 1, 0] },
    why: {
      monna: 'the trusted row is the one with number 0, whoever sends it',
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
      mean: 'an attacker moves the mean by a share of whatever it sends',
      monna: 'the trusted client is an attacker',
      'multi-krum:preset=byzfl,m=5': 'five of five rows are kept',
      'multi-krum:preset=flower':
        'one neighbour is compared, and the two attackers have each other',
      'weighted-mean': 'an attacker moves the mean by a share of whatever it sends',
      'weighted-mean:weights=1/2/…': 'an attacker moves the mean by a share of whatever it sends',
    },
  },
];
