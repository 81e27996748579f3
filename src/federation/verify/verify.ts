/**
 * A run, checked from its folder alone: what happened can follow, is signed, was charged, and makes the
 * models that were published.
 *
 * @module
 */

import { counted } from '../../core/counted.ts';
import { FormatError, StoreError } from '../../core/errors.ts';
import { parseConfig } from '../config.ts';
import type { RunConfig } from '../run-config.ts';
import type { RunReader } from '../store/run-reader.ts';
import { checkBlobs } from './blobs.ts';
import { type Evidence, Mismatch, replay } from './check.ts';
import { checkMasks } from './masks.ts';
import { checkModels, type Remaking } from './models.ts';
import { checkPrivacy } from './privacy.ts';
import { checkStatements } from './statements.ts';

/** What came of one check. */
export interface CheckResult {
  readonly check: string;
  readonly ok: boolean;
  /** What was seen, or what is wrong. */
  readonly text: string;
  /** Place of the event that is not what it should be. */
  readonly event?: number;
}

/** What a verification needs. */
export type VerifyOptions = Pick<Remaking, 'crypto' | 'backendOf'>;

/** All checks, one after the other; ends after the first that fails. */
export async function* verifyRun(
  run: RunReader,
  options: VerifyOptions,
): AsyncGenerator<CheckResult, void> {
  let config: RunConfig | undefined;
  const evidence = (): Remaking => ({ run, config: config!, ...options });
  const checks: readonly (readonly [string, () => Promise<string>])[] = [
    ['chain', () => checkChain(run)],
    [
      'config',
      async () => {
        ({ config } = parseConfig(await run.config()));
        return `as the run was begun with: ${config.rule}, ${config.optimizer}`;
      },
    ],
    ['events', () => checkEvents(evidence())],
    ['files', () => checkBlobs(evidence())],
    ['signatures', () => checkStatements(evidence())],
    ['models', () => checkModels(evidence())],
    ['privacy', () => checkPrivacy(evidence())],
    ['masks', () => checkMasks(evidence())],
  ];
  for (const [check, work] of checks) {
    const result = await resultOf(check, work);
    yield result;
    if (!result.ok) return;
  }
}

async function resultOf(check: string, work: () => Promise<string>): Promise<CheckResult> {
  try {
    return { check, ok: true, text: await work() };
  } catch (error) {
    if (error instanceof Mismatch) {
      return { check, ok: false, text: error.message, event: error.event };
    }
    const expected = error instanceof StoreError || error instanceof FormatError;
    if (!expected) throw error;
    return { check, ok: false, text: error.message };
  }
}

async function checkChain(run: RunReader): Promise<string> {
  let events = 0;
  for await (const _ of run.events()) events++;
  await run.requireWitness();
  return `${counted(events, 'event')}, each behind the one before it`;
}

async function checkEvents(evidence: Evidence): Promise<string> {
  let published = 0;
  let failed = 0;
  for await (const { event } of replay(evidence)) {
    if (event.type === 'round.published') published++;
    if (event.type === 'round.failed') failed++;
  }
  return `each can follow; ${counted(published, 'round')} published, ${failed} failed`;
}
