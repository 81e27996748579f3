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

/** What keeps a coordinator from serving a configuration: for `parseConfig`. */
export function servedProblems(config: RunConfig): ConfigProblem[] {
  const { secure, privacy, detectors } = config;
  const problems = optimizerProblems(config);
  const lacks = (path: string, what: string): void => {
    problems.push({ path, reason: `${what} is not served in this version` });
  };
  if (secure !== undefined) lacks('secure', 'secure aggregation');
  if (privacy?.kind === 'central' && privacy.noise === 'shares') {
    lacks('privacy.noise', 'noise in shares');
  }
  if (detectors !== undefined) lacks('detectors', 'detection of poisoning');
  return problems;
}

function optimizerProblems({ optimizer: spec, secure }: RunConfig): ConfigProblem[] {
  const path = 'optimizer';
  try {
    const { name, parts } = parseOptimizer(spec).optimizer;
    if (parts === 1 || secure === undefined) return [];
    return [{ path, reason: `${name} under secure aggregation is not served in this version` }];
  } catch (error) {
    if (error instanceof AggregationError) return [{ path, reason: error.message }];
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
