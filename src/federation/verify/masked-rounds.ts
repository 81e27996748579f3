/**
 * Rounds under masks, as the log of a run tells them: what each had when its sums were open, and what was
 * made of that.
 *
 * @module
 */

import { FormatError } from '../../core/errors.ts';
import { parseConfig } from '../config.ts';
import { type OpenedSum, parseEvent, type RunEvent } from '../events.ts';
import type { RoundWork } from '../round-io.ts';
import { workOf } from '../round-phases.ts';
import type { RunState } from '../run-state.ts';
import { fold } from '../run-state.ts';
import type { Store } from '../store/store.ts';
import { beginning } from './check.ts';

/** What is read of a run: an open store has it, and so has a reader with the configuration. */
export interface MaskedRun extends Pick<Store, 'run' | 'config'> {
  /** Where models, sums and records are. */
  readonly blobs: Pick<Store['blobs'], 'folder' | 'open'>;
  /** Events from the first on, in their order. */
  readonly events: () => ReturnType<Store['events']>;
}

/** A round that was published. */
export interface ToldRound {
  readonly round: number;
  /** Place of the event by which it was published. */
  readonly event: number;
  /** When its sums were open. */
  readonly opened: RunState;
  readonly sums: readonly OpenedSum[];
  /** What shows that clients consented, a blob. */
  readonly transcript: string;
  /** What is to be done then, and was to be done after it. */
  readonly aggregate: Work<'aggregate'>;
  readonly publish: Work<'publish'>;
  readonly aggregated: string;
  /** Of the aggregate, a blob. */
  readonly report?: string;
  readonly published: { readonly model: string; readonly optimizer?: string };
  /** The aggregate of the round before. */
  readonly reference?: string;
  readonly population: number;
  /** Clients by the keys that they have and had until the round was over. */
  readonly owners: ReadonlyMap<string, string>;
  readonly ledger: string;
}

type Work<K extends RoundWork['kind']> = Extract<RoundWork, { readonly kind: K }>;
type Unmasked = Pick<ToldRound, 'opened' | 'sums' | 'transcript' | 'aggregate'>;
type Aggregated = Pick<ToldRound, 'publish' | 'aggregated' | 'report' | 'population'>;

/**
 * The rounds that a run has published, in their order.
 *
 * @throws {FormatError} `malformed` if the log has an event that cannot be, or a round without what shows its sums.
 */
export async function* maskedRounds(run: MaskedRun): AsyncGenerator<ToldRound, void> {
  const state = beginning(parseConfig(run.config).config);
  const owners = new Map<string, string>();
  let ledger = '';
  let unmasked: Unmasked | undefined;
  let aggregated: Aggregated | undefined;
  let reference: string | undefined;
  for await (const { seq, time, type, body } of run.events()) {
    const event = parseEvent(type, body);
    fold(state, { time, event });
    switch (event.type) {
      case 'client.registered':
      case 'client.key-rotated':
        owners.set(event.body.key, event.body.client);
        break;
      case 'ledger.line':
        ledger += event.body.text;
        break;
      case 'round.opened':
        [unmasked, aggregated] = [undefined, undefined];
        break;
      case 'round.unmasked':
        unmasked = unmaskedBy(event.body, state);
        break;
      case 'round.aggregated':
        aggregated = aggregatedBy(event.body, state);
        break;
      case 'round.published': {
        const { round, ...published } = event.body;
        if (unmasked === undefined || aggregated === undefined) {
          throw new FormatError('malformed', `nothing shows the sums of round ${round}`);
        }
        const before = reference === undefined ? {} : { reference };
        const facts = { round, event: seq, published, owners, ledger, ...before };
        yield { ...unmasked, ...aggregated, ...facts };
        reference = aggregated.aggregated;
        break;
      }
      default:
    }
  }
}

function unmaskedBy(
  { sums, transcript }: RunEvent<'round.unmasked'>['body'],
  state: RunState,
): Unmasked | undefined {
  if (transcript === undefined) return undefined;
  const opened = { ...state, round: { ...state.round! } };
  return { opened, sums, transcript, aggregate: workOf(opened) as Work<'aggregate'> };
}

function aggregatedBy(
  { blob, report }: RunEvent<'round.aggregated'>['body'],
  state: RunState,
): Aggregated {
  const publish = workOf({ ...state, round: { ...state.round! } }) as Work<'publish'>;
  const told = { publish, aggregated: blob, population: state.clients.size };
  return report === undefined ? told : { ...told, report };
}
