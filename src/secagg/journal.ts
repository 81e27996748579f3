/**
 * What a client must remember beyond a crash: rounds only go up, one view is signed for each context,
 * and whether shares were revealed. It holds no secret.
 *
 * @module
 */

/** The last round that a client has taken part in. */
export interface JournalEntry {
  readonly round: number;
  /** 32 bytes. */
  readonly context: Uint8Array;
  /** The view that was signed; `undefined` before. */
  readonly view: Uint8Array | undefined;
  /** Whether shares were revealed under that view. */
  readonly revealed: boolean;
}

/** Where an entry is kept. One journal for each identity and federation. */
export interface Journal {
  /** The last entry that was written; `undefined` if there is none. */
  read(): Promise<JournalEntry | undefined>;
  /** Resolves once the entry would survive a loss of power. */
  write(entry: JournalEntry): Promise<void>;
}

/** In memory: for clients whose identity lives no longer than the process. */
export function memoryJournal(): Journal {
  let last: JournalEntry | undefined;
  return {
    read: async () => last,
    write: async (entry) => {
      last = entry;
    },
  };
}
