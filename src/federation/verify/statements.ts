/**
 * Whether every update is what its client signed: each statement by the key that counted then, and each
 * file by its root.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { counted } from '../../core/counted.ts';
import { hex } from '../../secagg/suite.ts';
import type { RunEvent } from '../events.ts';
import { chunkCount, chunkRange, leafHash, merkleRoot } from '../merkle.ts';
import type { RunState } from '../run-state.ts';
import { type Statement, statementToSign } from '../statement.ts';
import type { LoggedEvent } from '../store/chain.ts';
import { type Evidence, Mismatch, replay } from './check.ts';

type Declared = RunEvent<'update.declared'>['body'];

/** @throws {Mismatch} at the first statement that was not signed so, or update that is another. */
export async function checkStatements(evidence: Evidence): Promise<string> {
  let statements = 0;
  let updates = 0;
  for await (const { logged, event, state } of replay(evidence)) {
    // Masked updates have no file of their own: who checks their round checks what was signed there.
    if (state.round?.policy.secure) continue;
    if (event.type === 'update.declared') {
      await checkStatement(evidence, { logged, body: event.body, state });
      statements++;
    } else if (event.type === 'update.committed') {
      await checkFile(evidence, { logged, body: event.body, state });
      updates++;
    }
  }
  const signed = `${counted(statements, 'statement')} signed by the keys of their time`;
  return `${signed}, ${counted(updates, 'update')} as signed`;
}

async function checkStatement(
  { run, config, crypto }: Evidence,
  step: { readonly logged: LoggedEvent; readonly body: Declared; readonly state: RunState },
): Promise<void> {
  const { logged, body, state } = step;
  const { signed, client, round, dtype, root, bytes: length, chunkBytes: chunkSize } = body;
  if (signed === undefined) throw new Mismatch(logged, `${client} has signed nothing`);
  const { claimed, clipNorm, expires, steps, loss, signature } = signed;
  const weight = Math.min(claimed, config.limits.samplesCap);
  if (body.samples !== weight) {
    throw new Mismatch(logged, `${claimed} samples count as ${weight}, got ${body.samples}`);
  }
  const model = state.round!.model;
  const terms = { run: run.run, round, model, client, dtype, length, chunkSize, root };
  const statement = {
    ...terms,
    samples: claimed,
    ...(clipNorm !== undefined && { clipNorm }),
    expires,
    ...(steps !== undefined && { steps }),
    ...(loss !== undefined && { loss }),
  };
  const message = bytesOf(logged, statement);
  if (hex(crypto.sha256(message)) !== signed.update) {
    throw new Mismatch(logged, `the statement of ${client} has another id than ${signed.update}`);
  }
  const publicKey = hexToBytes(state.clients.get(client)!.key);
  const claim = { publicKey, message, signature: hexToBytes(signature) };
  const [isValid] = await crypto.verifyAll([claim]);
  if (isValid !== true) {
    throw new Mismatch(logged, `the statement is not signed by the key that ${client} had`);
  }
}

function bytesOf(logged: LoggedEvent, statement: Statement): Uint8Array {
  try {
    return statementToSign(statement);
  } catch (cause) {
    throw new Mismatch(logged, `its statement is none: ${(cause as Error).message}`);
  }
}

async function checkFile(
  { run, crypto }: Evidence,
  step: {
    readonly logged: LoggedEvent;
    readonly body: RunEvent<'update.committed'>['body'];
    readonly state: RunState;
  },
): Promise<void> {
  const { logged, body, state } = step;
  const { declaration } = state.round!.members.get(body.client) ?? {};
  if (declaration === undefined) throw new Mismatch(logged, `${body.client} has declared nothing`);
  if (body.samples !== declaration.samples) {
    const declared = `${declaration.samples} samples were declared`;
    throw new Mismatch(logged, `${declared}, ${body.samples} counted`);
  }
  await using source = await run.blobs.open(body.blob);
  const plan = { length: declaration.bytes, chunkSize: declaration.chunkBytes };
  if (source.size !== plan.length) {
    const sizes = `${plan.length} bytes were signed, there are ${source.size}`;
    throw new Mismatch(logged, sizes);
  }
  const leaves: Uint8Array[] = [];
  for (let k = 0; k < chunkCount(plan); k++) {
    const { from, to } = chunkRange(plan, k);
    leaves.push(leafHash(await source.read(from, to), crypto.sha256));
  }
  const root = hex(merkleRoot(leaves, crypto.sha256));
  if (root === declaration.root) return;
  throw new Mismatch(logged, `the update has the root ${root}, ${declaration.root} was signed`);
}
