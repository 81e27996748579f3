/**
 * All that a hostile server can do to three, four and five clients, with real ones; and the same with
 * faults planted, which it must be able to use.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Answers,
  answersOf,
  type Enumerated,
  judgeAll,
  listOf,
  setsOf,
} from '../../../src/lab/secure/hostile-enumeration.ts';
import {
  type Protocol,
  recordWorld,
  studyFederation,
} from '../../../src/lab/secure/hostile-world.ts';
import type { CryptoProvider } from '../../../src/secagg/crypto/provider.ts';
import { type FaultName, mutant } from '../../support/secagg-mutants.ts';
import { cryptoForStudy, realProtocol } from '../../support/study.ts';

/** Who there is: c of n in league, and n_sum_min. */
interface Cohort {
  readonly n: number;
  readonly c: number;
  readonly minSum: number;
}

let crypto: CryptoProvider;
beforeAll(async () => {
  crypto = await cryptoForStudy();
});

/** Every n ≤ 5, c and n_sum_min for which there is a threshold: ⌊(n − 1 + c)/2⌋ + 1 ≤ n − 1. */
const COHORTS: readonly Cohort[] = [3, 4, 5].flatMap((n) =>
  Array.from({ length: n - 1 }, (_, c) => c)
    .filter((c) => Math.floor((n - 1 + c) / 2) + 1 <= n - 1)
    .flatMap((c) => Array.from({ length: n - 2 }, (_, i) => ({ n, c, minSum: 3 + i }))),
);

/** Clients refuse hundreds of thousands of times: where each began to is told to nobody, and takes a while. */
async function withoutTraces<T>(work: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function enumerated(
  { n, c, minSum }: Cohort,
  { protocol = realProtocol, everything = n < 5 }: { protocol?: Protocol; everything?: boolean },
): Promise<Enumerated & { asked: number }> {
  const federation = await studyFederation(n, { seed: n, crypto });
  const corruptMillionths = Math.ceil((c * 1_000_000) / n);
  const options = { corrupt: [], corruptMillionths, minSum, round: 1 };
  const world = await recordWorld(federation, options, protocol);
  const answers: Answers[] = [];
  for (let client = 0; client < n; client++) {
    answers.push(await withoutTraces(() => answersOf(world, client, { again: n < 5 })));
  }
  for (const { answers: own, signedAgain } of answers) {
    if (protocol === realProtocol) expect(signedAgain).toBe(0);
    for (const { view, reveals } of own) {
      if (view === undefined) continue;
      for (const [signers, { seed, mask }] of reveals) {
        if (protocol !== realProtocol) continue;
        const counted = listOf(signers & view.survivors).length;
        expect(counted).toBeGreaterThanOrEqual(world.graph.terms(0).threshold);
        expect(seed & mask).toBe(0);
      }
    }
  }
  const each = setsOf(c, n).map((corrupt) => judgeAll(world, answers, { corrupt, everything }));
  return {
    asked: answers.reduce((sum, { asked }) => sum + asked, 0),
    strategies: each.reduce((sum, { strategies }) => sum + strategies, 0),
    leaks: each.flatMap(({ leaks }) => leaks),
  };
}

describe('a hostile server that tries everything', () => {
  test.each(COHORTS)('learns too little of n = $n, c = $c, n_sum_min = $minSum', async (cohort) => {
    const { strategies, asked, leaks } = await enumerated(cohort, {});
    expect(leaks).toEqual([]);
    expect(asked).toBeGreaterThan(2 ** (cohort.n - 1));
    expect(strategies).toBeGreaterThan(0);
  });

  const USED: readonly [FaultName, Cohort][] = [
    ['no signatures are needed', { n: 4, c: 0, minSum: 3 }],
    ['threshold one lower', { n: 4, c: 2, minSum: 4 }],
    ['both lists answered', { n: 4, c: 0, minSum: 3 }],
    ['boxes not compared', { n: 4, c: 0, minSum: 4 }],
  ];
  test.each(USED)('uses the fault: %s', async (fault, cohort) => {
    const { protocol, remove } = await mutant(fault);
    try {
      const { leaks } = await enumerated(cohort, { protocol });
      expect(leaks.length).toBeGreaterThan(0);
    } finally {
      remove();
    }
  });
});
