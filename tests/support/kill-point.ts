/**
 * Points at which a server is killed: a step of its store, told apart by what is logged or was logged
 * last.
 *
 * @module
 */

import type { Step } from '../../src/federation/store/faults.ts';

/** Where a server is killed. */
export interface KillAt {
  readonly step: Step;
  /** One of the events that are being logged. */
  readonly event?: string;
  /** One of the events that were logged last. */
  readonly after?: string;
  /** How often it passes there before. Default: 0. */
  readonly passes?: number;
}

/** A point of the matrix. */
export interface KillPoint extends KillAt {
  /** What was just done, in words. */
  readonly name: string;
  /** Only where noise is added, or only where none is. Default: both. */
  readonly isPrivate?: boolean;
}

/** Whether a server is there, but for how often. */
export function isAt(
  { step, event, after }: KillAt,
  now: { readonly step: Step; readonly types: readonly string[]; readonly last: readonly string[] },
): boolean {
  return (
    step === now.step &&
    (event === undefined || now.types.includes(event)) &&
    (after === undefined || now.last.includes(after))
  );
}

/** Before the events are in the log, after they are in it, and before anybody hears of it. */
function logged(event: string, name: string, more: Partial<KillPoint> = {}): KillPoint[] {
  return [
    { name: `${name}: not in the log yet`, step: 'log.inserted', event, ...more },
    { name: `${name}: in the log, not confirmed`, step: 'log.committed', event, ...more },
    { name: `${name}: confirmed, not answered`, step: 'log.confirmed', event, ...more },
  ];
}

/** The blob that work after an event makes; `passes` blobs come before it. */
function kept(after: string, name: string, more: Partial<KillPoint> = {}): KillPoint[] {
  return [
    { name: `${name}: written, not synced`, step: 'blob.written', after, ...more },
    { name: `${name}: renamed`, step: 'blob.renamed', after, ...more },
    { name: `${name}: its folder synced`, step: 'blob.folder-synced', after, ...more },
  ];
}

/** All points, in the order of a round's life. */
export const KILL_POINTS: readonly KillPoint[] = [
  ...logged('client.registered', 'a client enrolled', { passes: 1 }),
  ...logged('round.opened', 'the round opened'),
  ...logged('update.declared', 'an update declared', { passes: 1 }),
  { name: "an upload's map written", step: 'upload.map-written', passes: 1 },
  { name: "an upload's file made", step: 'upload.data-made', passes: 1 },
  { name: 'part of a chunk written', step: 'chunk.piece-written', passes: 3 },
  { name: 'a chunk written, not marked', step: 'chunk.written', passes: 1 },
  { name: 'a chunk marked, not answered', step: 'chunk.marked', passes: 2 },
  { name: 'an update synced', step: 'upload.synced', passes: 1 },
  { name: 'an update sealed', step: 'upload.sealed', passes: 1 },
  { name: 'an update renamed to its blob', step: 'blob.renamed', after: 'update.declared' },
  { name: "an update's folder synced", step: 'blob.folder-synced', after: 'update.declared' },
  ...logged('update.committed', 'an update committed', { passes: 1 }),
  { name: 'an upload forgotten', step: 'upload.forgotten', passes: 1 },
  ...logged('round.closed', 'the round closed'),
  ...logged('round.screened', 'updates screened'),
  ...logged('ledger.line', 'the charge', { isPrivate: true, passes: 1 }),
  ...logged('privacy.reserved', 'the budget reserved', { isPrivate: true }),
  ...kept('round.screened', 'the aggregate', { isPrivate: false }),
  ...logged('ledger.line', 'the receipt', { isPrivate: true, passes: 2 }),
  ...kept('ledger.line', 'the noised sum', { isPrivate: true }),
  ...logged('round.aggregated', 'the round aggregated'),
  ...kept('round.aggregated', 'the next model'),
  ...kept('round.aggregated', "the optimiser's state", { passes: 1 }),
  ...logged('round.published', 'the model published'),
  ...logged('run.finished', 'the run over'),
];
