/**
 * Beside the database: where its log ended when that was last confirmed. A database whose end was cut
 * off is sound by itself, as is one of last week put back; only a second witness tells.
 *
 * Two slots are written in turn, each in a sector of its own, so that one is whole whatever happens. A
 * slot is written after its events are synced and is not synced itself: it may be behind the database,
 * never ahead of it.
 *
 * @module
 */

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { parsed, Writer } from '../../secagg/bytes.ts';
import { KEY_BYTES, sameBytes } from '../../secagg/suite.ts';
import type { ChainHead } from './chain.ts';
import { sha256 } from './sha256.ts';

const SLOT_BYTES = 512;
const CONTENT_BYTES = 8 + KEY_BYTES;

/** The file, open. */
export class HeadFile {
  readonly #handle: FileHandle;
  /** The slot that is written next. */
  #slot = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Opens the file, or makes it with both slots empty, so that later there is always room. */
  static async open(path: string): Promise<HeadFile> {
    const handle = await open(path, 'a+').then(async (made) => {
      await made.close();
      return open(path, 'r+');
    });
    try {
      if ((await handle.stat()).size < 2 * SLOT_BYTES) {
        await new HeadFile(handle).clear();
      }
      return new HeadFile(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The later of the slots that are whole; `undefined` if none is. */
  async read(): Promise<ChainHead | undefined> {
    const bytes = new Uint8Array(2 * SLOT_BYTES);
    await this.#handle.read(bytes, 0, bytes.length, 0);
    const { slot, head } = laterOf(bytes);
    this.#slot = 1 - slot;
    return head;
  }

  /** Notes that the log was synced as far as there. */
  async write({ seq, hash }: ChainHead): Promise<void> {
    const content = new Writer(CONTENT_BYTES).u64(seq).bytes(hash).end();
    const slot = new Writer(CONTENT_BYTES + KEY_BYTES).bytes(content).bytes(sha256(content)).end();
    await this.#handle.write(slot, 0, slot.length, this.#slot * SLOT_BYTES);
    this.#slot = 1 - this.#slot;
  }

  /** Forgets what was confirmed; synced, so that it never is of a log that is gone. */
  async clear(): Promise<void> {
    await this.#handle.write(new Uint8Array(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
    await this.#handle.sync();
    this.#slot = 0;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** What the file at `path` says, for whoever only reads; `undefined` where no slot is whole. */
export async function readHead(path: string): Promise<ChainHead | undefined> {
  const bytes = await readFile(path).catch(() => new Uint8Array());
  return laterOf(bytes).head;
}

/** The later of the slots that are whole, and which it is. */
function laterOf(bytes: Uint8Array): {
  readonly slot: number;
  readonly head: ChainHead | undefined;
} {
  const first = parseSlot(bytes.subarray(0, SLOT_BYTES));
  const second = parseSlot(bytes.subarray(SLOT_BYTES));
  const isSecondLater = (second?.seq ?? 0) > (first?.seq ?? 0);
  return isSecondLater ? { slot: 1, head: second } : { slot: 0, head: first };
}

function parseSlot(slot: Uint8Array): ChainHead | undefined {
  return parsed(slot.subarray(0, CONTENT_BYTES + KEY_BYTES), (reader) => {
    const content = reader.bytes(CONTENT_BYTES);
    const isWhole = sameBytes(reader.bytes(KEY_BYTES), sha256(content));
    return isWhole
      ? parsed(content, (fields) => ({ seq: fields.u64(), hash: fields.bytes(KEY_BYTES) }))
      : undefined;
  });
}
