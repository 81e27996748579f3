/**
 * A run with all that it stands on, in one call: the folder, the coordinator, the socket. What
 * `aggregis serve` is on the command line, for programs.
 *
 * @module
 */

import type { Logger } from 'pino';
import { createBackend } from '../../backend/create-node.ts';
import type { Backend } from '../../backend/kernels.ts';
import type { Json } from '../../core/canonical-json.ts';
import { createNodeCrypto } from '../../secagg/crypto/create-node.ts';
import { fastestMasks } from '../../secagg/masks-node.ts';
import { parseConfig } from '../config.ts';
import { Coordinator, type CoordinatorOptions } from '../coordinator.ts';
import type { RunConfigInput } from '../run-config.ts';
import { enrolmentOf, servedProblems, servedWarnings } from '../served-config.ts';
import { openStore, type Store } from '../store/store.ts';
import { requestLog } from './log.ts';
import { assertOrigin } from './origins.ts';
import { FederationServer, requireAddress, type ServerOptions } from './server.ts';

/** What is served, where. Of sockets it takes what {@link ServerOptions} says; any free port by default. */
export interface ServeOptions
  extends Partial<Omit<ServerOptions, 'coordinator' | 'crypto'>>,
    Pick<CoordinatorOptions, 'masks' | 'onEvent' | 'onTrouble'> {
  /** Where the run is kept. */
  readonly folder: string;
  /** A new run; without it, the run in the folder goes on. */
  readonly config?: RunConfigInput;
  /** The first model of a new run, a safetensors file. */
  readonly model?: Uint8Array;
  /** Stays open. Default: one of its own. */
  readonly backend?: Backend;
  /** Default: nothing is logged. */
  readonly log?: Logger;
  /** Told what an open run means. Default: a line on stderr. */
  readonly warn?: (message: string) => void;
}

/** A run that is served, until it is closed. */
export interface ServedFederation extends AsyncDisposable {
  /** Where clients find it. */
  readonly url: string;
  readonly coordinator: Coordinator;
  readonly store: Store;
  /** When no round will follow: why. */
  finished(): Promise<string>;
  /** Ends the server. What was answered is in the folder, to be gone on with. */
  close(): Promise<void>;
}

/**
 * Serves a run.
 *
 * @throws {FormatError} `malformed` for a configuration that cannot be run, a model that is none.
 * @throws {StoreError} if the folder cannot be used: a new run wants one that holds no run that was opened.
 * @throws the system's own error if the port cannot be had.
 */
export async function serveFederation(options: ServeOptions): Promise<ServedFederation> {
  const open: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let end = open.pop(); end !== undefined; end = open.pop()) await end();
  };
  try {
    const { url, coordinator, store } = await opened(options, (end) => open.push(end));
    let closed: Promise<void> | undefined;
    const once = (): Promise<void> => {
      closed ??= close();
      return closed;
    };
    const finished = (): Promise<string> => ended(coordinator);
    return { url, coordinator, store, finished, close: once, [Symbol.asyncDispose]: once };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param keep - Told how to close each part, once it is open. */
async function opened(
  options: ServeOptions,
  keep: (end: () => Promise<void>) => void,
): Promise<Pick<ServedFederation, 'url' | 'coordinator' | 'store'>> {
  const { folder, config: input, model, backend: given, ...rest } = options;
  const { masks = fastestMasks(), onEvent, onTrouble, ...socket } = rest;
  const { log = requestLog('silent'), version = 'embedded', port = 0 } = options;
  const wanted = input && parseConfig(input, servedProblems).config;
  // Before there is a folder, which a server that cannot listen has no use for.
  for (const origin of socket.origins ?? []) assertOrigin(origin);
  await requireAddress({ ...(socket.host !== undefined && { host: socket.host }), port });
  const store = await storeOf(folder, wanted);
  keep(() => store.close());
  const config = wanted ?? parseConfig(store.config, servedProblems).config;
  const warn = options.warn ?? ((message: string) => console.warn(message));
  for (const message of servedWarnings(config)) warn(message);
  const crypto = await createNodeCrypto();
  keep(() => crypto.close());
  const backend = given ?? (await createBackend('auto'));
  if (given === undefined) keep(() => backend.close());
  let server: FederationServer | undefined;
  const coordinator = await Coordinator.open({
    store,
    config,
    crypto,
    backend,
    masks,
    enrolment: enrolmentOf(config, warn),
    onEvent: (event) => {
      server?.happened(event);
      onEvent?.(event);
    },
    ...(onTrouble && { onTrouble }),
    ...(wanted && model && { model }),
  });
  keep(() => coordinator.close());
  server = await FederationServer.start({ ...socket, coordinator, crypto, log, version, port });
  const { url } = server;
  const started = server;
  keep(() => started.stop());
  return { url, coordinator, store };
}

function storeOf(folder: string, config: object | undefined): Promise<Store> {
  if (config === undefined) return openStore(folder, { mode: 'resume' });
  const plain = JSON.parse(JSON.stringify(config)) as { readonly [key: string]: Json };
  return openStore(folder, { mode: 'create', config: plain, now: Date.now() });
}

async function ended(coordinator: Coordinator): Promise<string> {
  while (!coordinator.isFinished) {
    if (coordinator.trouble !== undefined && coordinator.trouble.code !== 'disk-full') {
      throw coordinator.trouble;
    }
    await coordinator.changed();
  }
  return coordinator.state.finished!;
}
