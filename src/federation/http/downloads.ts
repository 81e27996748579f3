/**
 * Files that clients are being sent: a few of each client at once. A reader that stands still holds a file
 * open and a piece of it in memory, for as long as its connection lives.
 *
 * @module
 */

import type { ServerResponse } from 'node:http';

/** Downloads of one client at once. */
export const MOST_DOWNLOADS = 4;

/** Downloads by client. */
export class Downloads {
  readonly #byClient = new Map<string, Set<ServerResponse>>();

  /** Clients that are being sent something. */
  get clients(): number {
    return this.#byClient.size;
  }

  /**
   * Notes a download until its connection is done with it. With one too many, the client's oldest is cut: it may
   * hang on a connection that the client has long given up.
   */
  begin(client: string, outgoing: ServerResponse): void {
    const own = this.#byClient.get(client) ?? new Set();
    this.#byClient.set(client, own.add(outgoing));
    outgoing.once('close', () => {
      own.delete(outgoing);
      if (own.size === 0 && this.#byClient.get(client) === own) this.#byClient.delete(client);
    });
    if (own.size <= MOST_DOWNLOADS) return;
    const [oldest] = own;
    own.delete(oldest!);
    oldest!.destroy();
  }
}
