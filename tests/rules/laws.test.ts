/**
 * The laws that rules declare hold, and those that they do not declare fail.
 *
 * Declared laws are properties on the reference backend; each other law has a counterexample in
 * `counterexamples.ts`. Pipelines are held to what they declare.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Law } from '../../src/rules/rule.ts';
import { examine, LAWS, saysMore, trials } from '../support/laws.ts';
import { pipelineSubjects, type Subject, subjects } from '../support/rule-subjects.ts';
import { counterexamples } from './counterexamples.ts';

const SEED = 20_260_811;
const RUNS = 60;
/** By how much a broken law must be told from rounding. */
const CLEARLY = 1000;

const SENTENCES: Readonly<Record<Law, string>> = {
  permutation: 'does not depend on the order of the clients',
  translation: 'moves with a vector added to every row',
  scale: 'takes over a factor on every row',
  'joint-scale': 'takes over a factor on every row and on its options',
  'scale-invariant': 'does not notice a factor on every row',
  'mean-without-faults': 'keeps the mean when f = 0',
  agreement: 'gives the row on which all agree, to the bit',
  bounded: 'stays near the honest rows whatever f clients send',
};

describe.each([...subjects, ...pipelineSubjects])('$name', (subject) => {
  for (const law of subject.laws) {
    test(`${law}: ${SENTENCES[law]}`, async () => {
      const holds = fc.asyncProperty(trials(law, subject), async (trial) => {
        const { deviation, tolerance } = await examine(law, { subject, trial });
        expect(deviation).toBeLessThanOrEqual(tolerance);
      });
      await fc.assert(holds, { seed: SEED, numRuns: RUNS });
    });
  }

  for (const { law, trial, why } of counterexamples) {
    const reason = why[subject.name];
    if (reason === undefined) continue;
    test(`not ${law}: ${reason}`, async () => {
      const { deviation, tolerance } = await examine(law, { subject, trial });
      expect(deviation).toBeGreaterThan(CLEARLY * tolerance);
    });
  }
});

describe('the table of laws', () => {
  const broken = ({ name }: Subject): Law[] =>
    counterexamples.filter(({ why }) => Object.hasOwn(why, name)).map(({ law }) => law);

  test.each(subjects)('each law of $name is declared or has one counterexample', (subject) => {
    const told = [...subject.laws, ...broken(subject)];
    const asked = LAWS.filter((law) => saysMore(law, subject) || told.includes(law));
    const hint = 'a law that is not declared needs numbers in tests/rules/counterexamples.ts';
    expect(told.toSorted(), hint).toEqual(asked.toSorted());
  });

  test('has counterexamples for rules that exist alone', () => {
    const names = new Set(subjects.map(({ name }) => name));
    const told = counterexamples.flatMap(({ why }) => Object.keys(why));
    expect(told.filter((name) => !names.has(name))).toEqual([]);
  });
});
