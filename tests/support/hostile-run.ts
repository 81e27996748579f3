/**
 * Thousands of hostile requests on a real server process, with connections that creep beside them: what
 * was answered, and what memory it took.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { modelFile, TestClient } from './federation-server.ts';
import { HOSTILE, type Scene, sceneOf } from './hostile-requests.ts';
import { ServedProcess } from './served-process.ts';

/** What is sent. */
export interface HostileOptions {
  /** A new folder. */
  readonly folder: string;
  readonly requests: number;
  /** Connections that send a byte a second, of heads and of bodies. */
  readonly creeping: number;
}

/** What came of it. */
export interface HostileFigures {
  readonly requests: number;
  /** How often each answer came, by kind. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Answers that the protocol does not have for their kind. */
  readonly faults: readonly string[];
  /** The server's memory after a fifth of the requests, and at the end. In bytes */
  readonly memory: { readonly warm: number; readonly end: number };
  /** Connections that crept, and were closed by the server. */
  readonly cut: number;
  /** Whether the round went on to its model afterwards. */
  readonly isPublished: boolean;
}

const MORE_COLS = 140_000;
const CLIENTS = 3;
/** Requests at once. */
const LANES = 8;

const CONFIG: RunConfigInput = {
  model: 'model.safetensors',
  rule: 'mean',
  rounds: 1,
  enrolment: { kind: 'open' },
  selection: { scheme: 'everybody', from: 'enrolled' },
  round: { wanted: CLIENTS, quorum: 1, collectSeconds: 3600 },
  limits: { requestsPerSecond: 1_000_000 },
};

/** Runs it. */
export async function hostileRun(options: HostileOptions): Promise<HostileFigures> {
  const { folder, requests } = options;
  await writeFile(join(folder, 'config.json'), JSON.stringify(CONFIG));
  const model = await modelFile([0, 0, 0, 0, 0, 0, 0], MORE_COLS);
  await writeFile(join(folder, 'model.safetensors'), model);
  const words = ['--config', join(folder, 'config.json'), '--run', join(folder, 'run')];
  const server = await ServedProcess.start(words, { complaints: 'dropped' });
  try {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => TestClient.joined(server.url)),
    );
    const [hostile, ...honest] = clients;
    const spare = await TestClient.create(server.url);
    await spare.enrol();
    const file = await modelFile([1, 1, 1, 1, 1, 1, 1], MORE_COLS);
    const scenes = await Promise.all(
      Array.from({ length: LANES }, async () => sceneOf(hostile!, { file, spare })),
    );
    const creeping = creep(scenes[0]!, options.creeping);
    const tally = new Tally();
    await storm(scenes, { from: 0, to: Math.floor(requests / 5), tally });
    const warm = server.memory().now;
    await storm(scenes, { from: Math.floor(requests / 5), to: requests, tally });
    const end = server.memory().now;
    const cut = await creeping.ended();
    for (const client of [...honest, hostile!]) {
      const round = (await client.current()).body;
      await client.submit(file, round, { chunkSize: 512 * 1024 });
    }
    const { body } = await honest[0]!.current('?after=1&wait=30');
    const isPublished = body.phase === 'finished';
    return { requests, ...tally, memory: { warm, end }, cut, isPublished };
  } finally {
    await server.kill();
  }
}

/** Answers by kind. */
class Tally {
  readonly answers: Map<string, Map<string, number>> = new Map();
  readonly faults: string[] = [];

  note(kind: string, { word, wanted }: { word: string; wanted: readonly string[] }): void {
    const own = this.answers.get(kind) ?? new Map<string, number>();
    this.answers.set(kind, own.set(word, (own.get(word) ?? 0) + 1));
    if (!wanted.includes(word)) this.faults.push(`${kind}: ${word}`);
  }
}

/** Requests of all kinds in turn, some at once. */
async function storm(
  scenes: readonly Scene[],
  { from, to, tally }: { readonly from: number; readonly to: number; readonly tally: Tally },
): Promise<void> {
  let next = from;
  const lane = async (scene: Scene): Promise<void> => {
    while (next < to) {
      const { kind, wanted, send } = HOSTILE[next++ % HOSTILE.length]!;
      const word = await send(scene).catch((error: unknown) => String(error));
      tally.note(kind, { word, wanted });
    }
  };
  await Promise.all(scenes.map(lane));
}

/** Connections that send a byte a second; `ended` gives how many the server has closed. */
function creep(
  { port, client, update }: Scene,
  count: number,
): { readonly ended: () => Promise<number> } {
  const begun = performance.now();
  let cut = 0;
  const lines: Socket[] = Array.from({ length: count }, (_, i) => {
    const line = connect(port, '127.0.0.1');
    line.on('error', () => {});
    line.once('close', () => cut++);
    line.resume();
    const head =
      `PUT /v1/updates/${update}/chunks/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${client.token}\r\n` +
      `content-length: 1000\r\nmerkle-leaf: ${'00'.repeat(32)}\r\n`;
    line.write(i % 2 === 0 ? head : `${head}\r\n`);
    return line;
  });
  const timer = setInterval(() => {
    for (const line of lines) if (line.writable) line.write('x');
  }, 1000);
  return {
    async ended() {
      // Heads have ten seconds, looked at every five; bodies ten, twice over.
      while (cut < count && performance.now() - begun < 45_000) {
        await new Promise((done) => setTimeout(done, 100));
      }
      clearInterval(timer);
      const closed = cut;
      for (const line of lines) line.destroy();
      return closed;
    },
  };
}
