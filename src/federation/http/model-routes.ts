/**
 * Models over HTTP: whole, or a range of bytes; read as they are sent.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import type { Coordinator } from '../coordinator.ts';
import { HEX_32 } from '../identity.ts';
import type { Call } from './calls.ts';
import { Downloads } from './downloads.ts';
import { Problem } from './problems.ts';

/** Bytes of a model that are read at one time. */
const PIECE = 2 ** 20;

/** Models, and who is being sent them. */
export class ModelRoutes {
  readonly #coordinator: Coordinator;
  readonly #downloads = new Downloads();

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** `GET /v1/models/:sha256`: a model that was published, or the optimiser's state where clients need it. */
  async give(c: Call, client: string): Promise<Response> {
    const coordinator = this.#coordinator;
    const name = c.req.param('sha256') ?? '';
    if (!HEX_32.test(name) || !(await coordinator.isModel(name))) {
      throw new Problem('no-such-model', `there is no model ${show(name)}`);
    }
    const etag = `"${name}"`;
    const headers = {
      etag,
      'cache-control': 'private, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    const source = await coordinator.store.blobs.open(name);
    const range = rangeIn(c, { etag, size: source.size });
    if (range === 'none') {
      await source.close();
      return c.body(null, 416, { ...headers, 'content-range': `bytes */${source.size}` });
    }
    const { from, to } = range ?? { from: 0, to: source.size };
    // Whoever asks with HEAD reads no body, and nobody would close the file.
    if (c.req.method === 'HEAD') {
      await source.close();
      return c.body(null, 200, { ...headers, 'content-length': String(source.size) });
    }
    this.#downloads.begin(client, c.env.outgoing);
    let at = from;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const end = Math.min(to, at + PIECE);
          if (end > at) controller.enqueue(await source.read(at, end));
          at = end;
          if (at < to) return;
          await source.close();
          controller.close();
        },
        cancel: () => source.close(),
      },
      { highWaterMark: 0 },
    );
    return c.body(body, range === undefined ? 200 : 206, {
      ...headers,
      'content-length': String(to - from),
      ...(range && { 'content-range': `bytes ${from}-${to - 1}/${source.size}` }),
    });
  }
}

/** One range of bytes [from, to); `none` for one that is not there. Others mean the whole. */
function rangeIn(
  c: Call,
  { etag, size }: { readonly etag: string; readonly size: number },
): { readonly from: number; readonly to: number } | 'none' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(c.req.header('range') ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const condition = c.req.header('if-range');
  if (condition !== undefined && condition !== etag) return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return from < to ? { from, to } : 'none';
}
