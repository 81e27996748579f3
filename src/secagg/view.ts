/**
 * Views: who shared secrets and whose input arrived, as clients sign it.
 *
 * @module
 */

import { encodeBitmap } from './bitmap.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import type { Binding } from './keys.ts';
import type { ViewBody } from './messages.ts';
import { joined, label, u32le } from './suite.ts';

/** The bitmaps of a view. */
export function viewOf(
  { sharers, survivors }: { sharers: Iterable<number>; survivors: Iterable<number> },
  clients: number,
): ViewBody {
  return {
    sharers: encodeBitmap(sharers, clients),
    survivors: encodeBitmap(survivors, clients),
  };
}

/** What clients sign. 32 bytes */
export function viewHash(
  { sharers, survivors }: ViewBody,
  { context, root }: Binding,
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.sha256(label('view'), context, root, sharers, survivors);
}

/** The neighbours whose boxes a client opened, and so whose masks are in its input. 32 bytes */
export function neighboursHash(
  neighbours: readonly number[],
  { context, root }: Binding,
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.sha256(label('neighbours'), context, root, joined(...neighbours.map(u32le)));
}
