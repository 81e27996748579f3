/**
 * What a coordinator can serve of what a configuration can say.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { parseDetectors } from '../analysis/detectors/spec.ts';
import { AggregationError } from '../core/errors.ts';
import type { ConfigProblem } from './config.ts';
import { unservedDetectors } from './detection.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { type EnrolmentPolicy, enrolAnybody, enrolListed } from './registry.ts';
import type { RunConfig } from './run-config.ts';
import { secureProblems } from './secure-problems.ts';

/** What keeps a coordinator from serving a configuration: for `parseConfig`. */
export function servedProblems(config: RunConfig): ConfigProblem[] {
  return [
    ...optimizerProblems(config.optimizer),
    ...secureProblems(config),
    ...detectorProblems(config),
  ];
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

function detectorProblems(config: RunConfig): ConfigProblem[] {
  const { detectors } = config;
  if (detectors === undefined) return [];
  try {
    parseDetectors(detectors.use, { without: unservedDetectors(config) });
    return [];
  } catch (error) {
    if (error instanceof AggregationError) {
      return [{ path: 'detectors.use', reason: error.message }];
    }
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
