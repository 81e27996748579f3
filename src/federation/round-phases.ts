/**
 * What follows collecting: the work of each phase, what its result means, and how a round fails.
 *
 * @module
 */

import {
  compareClients,
  type FailureCode,
  type RunEvent,
  type SignedTerms,
  shortReason,
} from './events.ts';
import type { Evidence } from './reputation.ts';
import {
  AGAIN,
  type Answer,
  DONE,
  type Emit,
  type Input,
  type RoundRow,
  type RoundWork,
} from './round-io.ts';
import { isOver, type RoundPhase, type RoundState, type RunState } from './run-state.ts';

/** The work of the present phase; the same whenever it is asked for. */
export function workOf({ round, optimizer }: RunState): RoundWork | undefined {
  if (round === undefined) return undefined;
  const number = round.round;
  switch (round.phase) {
    case 'screen':
      return { kind: 'screen', round: number, rows: rowsOf(round, round.closed!.committed) };
    case 'unmask':
      return { kind: 'unmask', round: number, clients: round.screened!.kept };
    case 'account':
      return { kind: 'account', round: number };
    case 'aggregate':
      return {
        kind: 'aggregate',
        round: number,
        rows: round.sums === undefined ? rowsOf(round, round.screened!.kept) : sumRows(round),
        cohort: [...round.members.keys()].sort(compareClients),
        ...(round.charge !== undefined && { charge: round.charge }),
      };
    case 'publish':
      return {
        kind: 'publish',
        round: number,
        model: round.model,
        aggregate: round.aggregate!,
        ...(optimizer !== undefined && { optimizer }),
      };
    default:
      return undefined;
  }
}

function rowsOf({ members }: RoundState, clients: readonly string[]): RoundRow[] {
  return clients.map((client) => {
    const { update, declaration } = members.get(client)!;
    const { blob, samples } = update!;
    const claims = claimsOf(declaration?.signed ?? {});
    return { clients: [client], blob, samples, ...(claims && { claims }) };
  });
}

function claimsOf({ steps, loss }: Pick<SignedTerms, 'steps' | 'loss'>): RoundRow['claims'] {
  if (steps === undefined && loss === undefined) return undefined;
  return { ...(steps !== undefined && { steps }), ...(loss !== undefined && { loss }) };
}

function sumRows({ sums = [], members }: RoundState): RoundRow[] {
  return sums
    .map(({ clients, blob, samples }) => ({
      clients,
      blob,
      samples: samples ?? clients.reduce((sum, id) => sum + members.get(id)!.update!.samples, 0),
    }))
    .sort((a, b) => compareClients(a.clients[0] ?? '', b.clients[0] ?? ''));
}

/** Results of work. A result that nothing waits for any more changes nothing. */
export function finish(
  { round }: RunState,
  input: Input<'screened' | 'unmasked' | 'reserved' | 'aggregated' | 'stepped' | 'broke'>,
  emit: Emit,
): Answer {
  const phase = input.kind === 'broke' ? input.phase : RESULTS[input.kind];
  if (round?.round !== input.round || round.phase !== phase || isOver(round)) return AGAIN;
  switch (input.kind) {
    case 'screened':
      screened(round, input, emit);
      return DONE;
    case 'unmasked': {
      const within = new Set(input.sums.flatMap(({ clients }) => clients));
      const lost = round.screened!.kept.filter((client) => !within.has(client));
      const { sums, transcript } = input;
      const body = { round: round.round, sums, lost, ...(transcript && { transcript }) };
      emit({ type: 'round.unmasked', body });
      return DONE;
    }
    case 'reserved': {
      const { kind: _, ...body } = input;
      emit({ type: 'privacy.reserved', body });
      return DONE;
    }
    case 'aggregated': {
      // Noise that was drawn under a charge which has since become void may not be released.
      if (input.charge !== round.charge) return AGAIN;
      const { kind: _, evidence = [], ...body } = input;
      emit({ type: 'round.aggregated', body });
      hold(round, evidence, emit);
      return DONE;
    }
    case 'stepped': {
      const { kind: _, ...body } = input;
      emit({ type: 'round.published', body });
      return DONE;
    }
    case 'broke':
      emit(failed(round, input));
      return DONE;
    default:
      return input satisfies never;
  }
}

/** The phase that each result ends. */
const RESULTS = {
  screened: 'screen',
  unmasked: 'unmask',
  reserved: 'account',
  aggregated: 'aggregate',
  stepped: 'publish',
} as const satisfies Record<string, RoundPhase>;

function screened(
  round: RoundState,
  { excluded, evidence = [], report, memories }: Input<'screened'>,
  emit: Emit,
): void {
  const out = new Set(excluded.map(({ client }) => client));
  const kept = round.closed!.committed.filter((client) => !out.has(client));
  emit({
    type: 'round.screened',
    body: {
      round: round.round,
      kept,
      excluded: [...excluded]
        .sort((a, b) => compareClients(a.client, b.client))
        .map(({ client, reason }) => ({ client, reason: shortReason(reason) })),
      ...(report !== undefined && { report }),
      ...(memories !== undefined && { memories }),
    },
  });
  hold(round, evidence, emit);
}

/** Logged with what it was found in or not at all: no work that is done twice counts twice. */
function hold({ round }: RoundState, evidence: readonly Evidence[], emit: Emit): void {
  for (const { reason, ...held } of evidence) {
    emit({ type: 'client.penalised', body: { ...held, round, reason: shortReason(reason) } });
  }
}

/** That a round has failed, and why. */
export function failed(
  { round }: RoundState,
  { code, reason }: { readonly code: FailureCode; readonly reason: string },
): RunEvent<'round.failed'> {
  return { type: 'round.failed', body: { round, code, reason: shortReason(reason) } };
}
