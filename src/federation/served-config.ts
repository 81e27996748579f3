/**
 * What a coordinator can serve of what a configuration can say.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { AggregationError } from '../core/errors.ts';
import type { ConfigProblem } from './config.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { type EnrolmentPolicy, enrolAnybody, enrolListed } from './registry.ts';
import type { RunConfig } from './run-config.ts';
import { secureProblems } from './secure-problems.ts';

/** What keeps a coordinator from serving a configuration: for `parseConfig`. */
export function servedProblems(config: RunConfig): ConfigProblem[] {
  const { detectors } = config;
  const problems = [...optimizerProblems(config.optimizer), ...secureProblems(config)];
  const lacks = (path: string, what: string): void => {
    problems.push({ path, reason: `${what} is not served in this version` });
  };
  if (detectors !== undefined) lacks('detectors', 'detection of poisoning');
  return problems;
}

function optimizerProblems(spec: string): ConfigProblem[] {
  try {
    parseOptimizer(spec);
    return [];
  } catch (error) {
    if (error instanceof AggregationError) return [{ path: 'optimizer', reason: error.message }];
    throw error;
  }
}

/** Whom a configuration admits. `warn` is told what an open run means. */
export function enrolmentOf(
  { enrolment }: Pick<RunConfig, 'enrolment'>,
  warn: (message: string) => void,
): EnrolmentPolicy {
  switch (enrolment.kind) {
    case 'allow-list':
      return enrolListed(enrolment.keys.map(hexToBytes));
    case 'certificate':
      return {
        kind: 'certificate',
        authority: hexToBytes(enrolment.authority),
        federation: hexToBytes(enrolment.federation),
      };
    case 'open':
      return enrolAnybody(warn);
    default:
      return enrolment satisfies never;
  }
}
