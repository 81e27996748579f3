/**
 * What pages of browser tests may ask of Node: to start `aggregis serve` and `aggregis join` as processes.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BrowserCommand } from 'vitest/node';

/** What a command printed: lines of JSON. */
export type Told = readonly Readonly<Record<string, unknown>>[];

/** As a page calls it. */
export interface ServedFederation {
  /** A run of digits for two clients, one of which is started in Node; gives the server's address. */
  serveFederation(options: { readonly origin: string; readonly rounds: number }): Promise<string>;
  /** What both processes told, once they have ended. */
  endFederation(): Promise<{ readonly server: Told; readonly client: Told }>;
}

const ROOT = join(import.meta.dirname, '../..');

/** A command that runs. */
interface Running {
  readonly child: ChildProcess;
  readonly told: Record<string, unknown>[];
  readonly exit: Promise<unknown>;
}

interface Room {
  readonly folder: string;
  readonly server: Running;
  readonly client: Running;
}

let room: Room | undefined;

/** Ends by itself: the run is short, and its processes end with it. */
function run(words: readonly string[], onLine: (line: Record<string, unknown>) => void): Running {
  const main = join(ROOT, 'src/cli/main.ts');
  const args = ['--import', import.meta.resolve('tsx'), main, ...words, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const told: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const one = JSON.parse(line) as Record<string, unknown>;
    told.push(one);
    onLine(one);
  });
  return { child, told, exit: once(child, 'close') };
}

const serveFederation: BrowserCommand<[{ origin: string; rounds: number }]> = async (
  _,
  { origin, rounds },
) => {
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-tab-'));
  let listening: (url: string) => void = () => {};
  const address = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const words = ['--run', join(folder, 'run'), '--port', '0', '--backend', 'wasm'];
  const server = run(
    ['serve', ...words, '--clients', '2', '--rounds', String(rounds), '--origin', origin],
    ({ event, url }) => {
      if (event === 'listening') listening(String(url));
    },
  );
  const ended = server.exit.then(() => {
    throw new Error('the server ended before it listened');
  });
  const url = await Promise.race([address, ended]);
  ended.catch(() => {});
  const client = run(['join', url, '--part', '2/2'], () => {});
  room = { folder, server, client };
  return url;
};

const endFederation: BrowserCommand<[]> = async () => {
  const { folder, server, client } = room!;
  await Promise.all([server.exit, client.exit]);
  await rm(folder, { recursive: true, force: true });
  return { server: server.told, client: client.told };
};

/** The same as commands. */
export const servedCommands: {
  readonly serveFederation: typeof serveFederation;
  readonly endFederation: typeof endFederation;
} = { serveFederation, endFederation };
