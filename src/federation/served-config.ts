/**
 * What a coordinator can serve of what a configuration can say.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { parseDetectors } from '../analysis/detectors/spec.ts';
import { AggregationError } from '../core/errors.ts';
import { ruleOf } from './composition.ts';
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
    ...ruleProblems(config),
  ];
}

/** What an operator should know of a configuration that can be served, in sentences. */
export function servedWarnings(config: RunConfig): string[] {
  const { rule: spec, round, selection } = config;
  const asked = round.wanted ?? ('count' in selection ? selection.count : undefined);
  const needed = ruleOf(spec)?.minClients ?? 1;
  if (asked === undefined || ruleProblems(config).length > 0) return [];
  const rows = rowsOf(config, asked);
  if (rows >= needed) return [];
  return [
    `rounds are for ${asked} clients, which make ${rows} rows, and ${spec} needs ${needed}: ` +
      'a round in which no more take part fails',
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

/** A rule that needs more rows than any round can have. */
function ruleProblems(config: RunConfig): ConfigProblem[] {
  const { rule: spec } = config;
  const needed = ruleOf(spec)?.minClients ?? 1;
  const { most, because } = mostUpdates(config);
  const rows = rowsOf(config, most);
  if (rows >= needed) return [];
  const reason = `${spec} needs ${needed} rows, and no round has more than ${rows}: ${because}`;
  return [{ path: 'rule', reason }];
}

/** The most updates that a round can have, and what bounds them. */
function mostUpdates({ selection, round, enrolment, limits, privacy }: RunConfig): {
  readonly most: number;
  readonly because: string;
} {
  const bounds = [{ most: limits.clients, because: `limits.clients is ${limits.clients}` }];
  if (enrolment.kind === 'allow-list') {
    const most = new Set(enrolment.keys).size;
    bounds.push({ most, because: `enrolment.keys lists ${most}` });
  }
  // Who joins late comes on top of those that are selected.
  if ('count' in selection && !round.lateJoin) {
    const { count, overSelection } = selection;
    const most = Math.ceil(count * overSelection);
    const over = overSelection > 1 ? `, of ${overSelection} times as many` : '';
    bounds.push({ most, because: `selection.count is ${count}${over}` });
  }
  // With noise at the server, who is missing is a row of zeros.
  const isFilled = privacy?.kind === 'central' && privacy.noise === 'server';
  const wanted = round.wanted ?? ('count' in selection ? selection.count : undefined);
  if (round.closing === 'wanted' && wanted !== undefined && !isFilled) {
    bounds.push({ most: wanted, because: `it closes with the ${wanted} that are wanted` });
  }
  return bounds.reduce((least, bound) => (bound.most < least.most ? bound : least));
}

/** Rows that a rule sees of so many updates: one for each, or for each group. */
function rowsOf({ secure }: RunConfig, updates: number): number {
  return secure?.kind === 'groups' ? Math.floor(updates / secure.groupSize) : updates;
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
