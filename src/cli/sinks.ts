/**
 * Files that follow a run while it is served: its events as lines of JSON, its figures for TensorBoard.
 * They hold what the operator alone may see. What goes wrong with them is told, and never ends the run.
 *
 * @module
 */

import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseEvent } from '../federation/events.ts';
import type { RunConfig } from '../federation/run-config.ts';
import { RoundRecorder } from '../federation/run-history.ts';
import type { LoggedEvent } from '../federation/store/chain.ts';
import type { Store } from '../federation/store/store.ts';
import { eventFileHead, scalarRecord } from '../formats/event-file.ts';
import { scalarsOf } from '../lab/run-report/series.ts';
import { roundSummary } from '../lab/run-report/summary.ts';
import { evaluator } from './run-figures.ts';

/** What {@link addSinkOptions} gives. */
export interface SinkFlags {
  readonly events?: string;
  readonly tensorboard?: string;
}

/** Options of files that follow a run. */
export function addSinkOptions(command: Command): Command {
  return command
    .option('--events <file>', 'write the events of the run there, a line of JSON for each')
    .option('--tensorboard <folder>', 'write figures of rounds there, for TensorBoard');
}

/** A file that takes events. */
interface Sink {
  take(event: LoggedEvent): Promise<void>;
  close(): Promise<void>;
}

/** The files that follow a run. */
export class Sinks {
  readonly #sinks: Set<Sink>;
  readonly #warn: (message: string) => void;
  /** Events are taken one after the other. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(sinks: readonly Sink[], warn: (message: string) => void) {
    this.#sinks = new Set(sinks);
    this.#warn = warn;
  }

  /** Opens them, and brings them to where the run is. @throws the system's own error, which names the file. */
  static async open(
    { events, tensorboard }: SinkFlags,
    parts: {
      readonly store: Store;
      readonly config: RunConfig;
      readonly warn: (message: string) => void;
    },
  ): Promise<Sinks> {
    const sinks: Sink[] = [];
    if (events !== undefined) sinks.push(await EventLines.open(events, parts));
    if (tensorboard !== undefined) sinks.push(await Board.open(tensorboard, parts));
    return new Sinks(sinks, parts.warn);
  }

  happened(event: LoggedEvent): void {
    for (const sink of this.#sinks) this.#then(sink, () => sink.take(event));
  }

  /** When all is written. */
  async close(): Promise<void> {
    for (const sink of this.#sinks) this.#then(sink, () => sink.close());
    await this.#turn;
  }

  /** In turn. A file that failed once would have a gap: it is let go of. */
  #then(sink: Sink, work: () => Promise<void>): void {
    this.#turn = this.#turn.then(async () => {
      if (!this.#sinks.has(sink)) return;
      try {
        await work();
      } catch (error) {
        this.#sinks.delete(sink);
        this.#warn(`a file beside the run is written no more: ${String(error)}`);
        await sink.close().catch(() => {});
      }
    });
  }
}

/** All events of a run, from the first on. */
class EventLines implements Sink {
  readonly #file: FileHandle;
  readonly #store: Store;
  #last = 0;

  private constructor(file: FileHandle, store: Store) {
    this.#file = file;
    this.#store = store;
  }

  static async open(path: string, { store }: { readonly store: Store }): Promise<EventLines> {
    const own = new EventLines(await open(path, 'w', 0o600), store);
    try {
      await own.#follow();
      return own;
    } catch (error) {
      await own.#file.close();
      throw error;
    }
  }

  async take({ seq }: LoggedEvent): Promise<void> {
    if (seq > this.#last) await this.#follow();
  }

  async close(): Promise<void> {
    await this.#follow();
    await this.#file.close();
  }

  /** As far as the log goes: lines of the ledger are in it, and nobody is told of them. */
  async #follow(): Promise<void> {
    for await (const event of this.#store.events({ after: this.#last })) {
      await this.#file.write(`${JSON.stringify(event)}\n`);
      this.#last = event.seq;
    }
  }
}

/** The run that figures are of. */
interface Source {
  readonly store: Store;
  readonly config: RunConfig;
}

/** Figures of the rounds that end while it is open. */
class Board implements Sink {
  readonly #file: FileHandle;
  readonly #parts: Source;
  readonly #recorder = new RoundRecorder();

  private constructor(file: FileHandle, parts: Source) {
    this.#file = file;
    this.#parts = parts;
  }

  static async open(folder: string, parts: Source): Promise<Board> {
    await mkdir(folder, { recursive: true });
    const seconds = Math.floor(Date.now() / 1000);
    // TensorBoard reads all files of a folder whose names have this part, in the order of names.
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
    const own = new Board(await open(join(folder, name), 'a', 0o600), parts);
    await own.#file.write(eventFileHead(seconds));
    for await (const event of parts.store.events()) own.#note(event);
    return own;
  }

  async take(event: LoggedEvent): Promise<void> {
    this.#note(event);
    if (event.type !== 'round.published' && event.type !== 'round.failed') return;
    const { store, config } = this.#parts;
    const round = await this.#recorder.told(store);
    if (round === undefined) return;
    const evaluate = evaluator(store, config);
    const summary = await roundSummary(round, { config, audience: 'operator', evaluate });
    await this.#file.write(scalarRecord(scalarsOf(summary, event.time)));
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #note({ time, type, body }: LoggedEvent): void {
    this.#recorder.take({ time, event: parseEvent(type, body) });
  }
}
