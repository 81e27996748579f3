/**
 * Where a ledger's records are kept: text to which lines are added, and from which none is taken.
 *
 * @module
 */

/** Append-only text. One ledger at a time writes to it. */
export interface LedgerStorage {
  /** All of it. */
  read(): Promise<string>;
  /**
   * Adds `line`, which ends in a line feed and has no other.
   *
   * When the promise is kept, the line is there for good: after a crash, and a loss of power too.
   *
   * @throws {PrivacyError} `ledger` if somebody else has written since.
   */
  append(line: string): Promise<void>;
}

/** Text in memory: for simulation and tests, and gone with the process. */
export class MemoryStorage implements LedgerStorage {
  /** What is there; may be given from elsewhere. */
  text: string;

  constructor(text = '') {
    this.text = text;
  }

  async read(): Promise<string> {
    return this.text;
  }

  async append(line: string): Promise<void> {
    this.text += line;
  }
}
