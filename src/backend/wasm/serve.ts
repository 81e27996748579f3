/**
 * What runs in each worker: takes units of a job until none is left, and sends home what came of
 * them. The port is `self`, in Node as in browsers.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import type { Job, ReadRow } from './job.ts';
import type { Done, Order, Report } from './protocol.ts';
import { Runner } from './runner.ts';

/** A worker's end of the line, whatever the platform calls its type. */
interface Port {
  onmessage: (event: { readonly data: Order }) => void;
  postMessage(report: Report, transfer: readonly Transferable[]): void;
}

const port = self as unknown as Port;
let module: WebAssembly.Module;
let runner: Runner;
let readRow: ReadRow | undefined;
const works = new Map<number, Job['work']>();

/** Begins to do what the port asks for. `read`: how rows in files are read, where there are any. */
export function serve(read?: ReadRow): void {
  readRow = read;
  port.onmessage = ({ data }) => obey(data);
}

function obey(order: Order): void {
  if (order.kind === 'start') {
    module = order.module;
    runner = new Runner(module, readRow);
    Atomics.store(order.alive, 0, 1);
  } else if (order.kind === 'work') {
    works.set(order.id, order.work);
  } else if (order.kind === 'forget') {
    works.delete(order.id);
  } else {
    runUnits(order);
  }
}

function runUnits({ id, job: posted, next }: Order & { kind: 'job' }): void {
  const { work } = posted;
  const job = { ...posted, work: typeof work === 'number' ? works.get(work)! : work };
  const results: Done[] = [];
  let unit = Atomics.add(next, 0, 1);
  try {
    for (; unit < job.units; unit = Atomics.add(next, 0, 1)) {
      results.push([unit, runner.run(job, unit)]);
    }
  } catch (error) {
    // The others need not go on.
    Atomics.store(next, 0, job.units);
    const code = error instanceof BackendError ? error.code : 'failed';
    port.postMessage({ kind: 'failed', id, unit, code, reason: String(error) }, []);
    // What a trap has left behind in memory is thrown away.
    runner = new Runner(module, readRow);
    return;
  }
  port.postMessage({ kind: 'done', id, results }, buffersOf(results));
}

/** Buffers that belong to the results alone, to be moved instead of copied. */
function buffersOf(results: readonly Done[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const [, result] of results) {
    for (const part of Object.values(result ?? {})) {
      if (ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer) buffers.add(part.buffer);
    }
  }
  return [...buffers];
}
