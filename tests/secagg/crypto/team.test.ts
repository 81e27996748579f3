/** Threads change how long it takes and nothing else, even where they fail. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import type { WorkerSpawner } from '../../../src/core/spawn.ts';
import { nodeSpawner } from '../../../src/core/spawn-node.ts';
import { createNodeCrypto } from '../../../src/secagg/crypto/create-node.ts';
import { noblePrimitives } from '../../../src/secagg/crypto/noble.ts';
import type { Primitives } from '../../../src/secagg/crypto/primitives.ts';
import type { Claim, KeyPairing } from '../../../src/secagg/crypto/provider.ts';
import { Team, type TeamOptions, teamed } from '../../../src/secagg/crypto/team.ts';
import { workerScript } from '../../../src/secagg/crypto/team-worker.gen.ts';

const ADMITTED = {
  sha256: 'noble',
  hkdf: 'noble',
  boxes: 'noble',
  agreement: 'noble',
  signatures: 'noble',
} as const;

let open: Team[] = [];
afterEach(async () => {
  await Promise.all(open.map((team) => team.close()));
  open = [];
});

/** Noble in two threads that fall to it from 64 items on, in shares of 16. */
function noble(options: Partial<TeamOptions> = {}): Primitives & { readonly team: Team } {
  const script = async (): Promise<string> => workerScript;
  const team = new Team({ threads: 2, spawner: nodeSpawner, script, ...options });
  open.push(team);
  return { ...teamed(noblePrimitives, ADMITTED, team), team };
}

const key = (i: number): Uint8Array => new Uint8Array(32).fill(i + 1, 0, 8);
const secrets = Array.from({ length: 100 }, (_, i) => key(i));
const publicKeys = await noblePrimitives.agreement.publicKeys(secrets);
/** Four secrets in runs; every ninth key is of low order. */
const PAIRINGS: readonly KeyPairing[] = publicKeys.map((publicKey, i) => {
  return { secret: secrets[i >> 5]!, publicKey: i % 9 === 4 ? new Uint8Array(32) : publicKey };
});
const SHARED = await noblePrimitives.agreement.sharedSecrets(PAIRINGS);

const signer = key(0);
const signerKey = await noblePrimitives.signatures.publicKey(signer);
/** Messages are views into one buffer; every seventh was changed after it was signed. */
const messages = Uint8Array.from({ length: 101 }, (_, i) => i);
const signed = await Promise.all(
  secrets.map((_, i) => noblePrimitives.signatures.sign(messages.subarray(0, i), signer)),
);
const CLAIMS: readonly Claim[] = signed.map((signature, i) => {
  const message = messages.subarray(0, i % 7 === 3 ? i + 1 : i);
  return { publicKey: signerKey, message, signature };
});
const VERDICTS = CLAIMS.map((_, i) => i % 7 !== 3);

/** All that a team does, and whether it is right. */
async function worksRightly({ agreement, signatures }: Primitives): Promise<void> {
  const all = await Promise.all([
    agreement.publicKeys(secrets),
    agreement.sharedSecrets(PAIRINGS),
    signatures.verifyAll(CLAIMS),
  ]);
  expect(all).toEqual([publicKeys, SHARED, VERDICTS]);
}

/** Counts workers that were started, and those that hold the process. */
function counted(): { spawner: WorkerSpawner; started: () => number; holding: () => number } {
  let started = 0;
  const holding = new Set<number>();
  const spawner: WorkerSpawner = {
    ...nodeSpawner,
    spawn(script, events) {
      const worker = nodeSpawner.spawn(script, events);
      const id = started++;
      const hold = (busy: boolean): void => {
        if (busy) holding.add(id);
        else holding.delete(id);
        worker.hold(busy);
      };
      const end = (): Promise<void> => {
        holding.delete(id);
        return worker.end();
      };
      return { ...worker, hold, end };
    },
  };
  return { spawner, started: () => started, holding: () => holding.size };
}

describe('a team of threads', () => {
  test('gives what one thread gives, in its order', async () => {
    expect(SHARED.filter((one) => one === undefined)).toHaveLength(11);
    const { spawner, started, holding } = counted();
    const crypto = noble({ spawner });
    await worksRightly(crypto);
    await worksRightly(crypto);
    expect(started()).toBe(2);
    expect(holding()).toBe(0);
  });

  test('is not called for a batch that is small', async () => {
    const { spawner, started } = counted();
    const crypto = noble({ spawner });
    expect(await crypto.agreement.sharedSecrets(PAIRINGS.slice(0, 63))).toEqual(
      SHARED.slice(0, 63),
    );
    expect(await crypto.signatures.verifyAll([])).toEqual([]);
    expect(started()).toBe(0);
  });

  test('leaves the callers’ arrays as they were', async () => {
    await worksRightly(noble());
    expect(secrets).toEqual(Array.from({ length: 100 }, (_, i) => key(i)));
    expect(messages[100]).toBe(100);
  });
});

describe('a team that fails', () => {
  test('at once, has its work done here', async () => {
    const spawner: WorkerSpawner = {
      ...nodeSpawner,
      spawn() {
        throw new Error('forbidden here');
      },
    };
    await worksRightly(noble({ spawner }));
  });

  test('when its workers start, has it done here, and starts no more', async () => {
    const { spawner, started } = counted();
    const crypto = noble({ spawner, script: async () => 'throw new Error("no")' });
    await worksRightly(crypto);
    const before = started();
    await worksRightly(crypto);
    expect(started()).toBe(before);
  });

  test('for want of a script, has it done here', async () => {
    await worksRightly(noble({ script: () => Promise.reject(new Error('lost')) }));
  });

  test('in the middle, has the rest done by new workers or here', async () => {
    const script = `${workerScript}
      const serve = self.onmessage;
      let orders = 0;
      self.onmessage = (event) => {
        if (++orders === 3) process.exit(1);
        serve(event);
      };`;
    const { spawner, started } = counted();
    const crypto = noble({ spawner, script: async () => script });
    await worksRightly(crypto);
    expect(started()).toBeGreaterThan(2);
  });

  test('at one task, has that done here', async () => {
    const script = `${workerScript}
      const serve = self.onmessage;
      self.onmessage = ({ data }) => serve({ data: { ...data, by: 'nobody' } });`;
    await worksRightly(noble({ script: async () => script }));
  });

  test('because it is closed meanwhile, has the rest done here', async () => {
    const { spawner, holding } = counted();
    const crypto = noble({ spawner });
    const work = worksRightly(crypto);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await crypto.team.close();
    await work;
    await worksRightly(crypto);
    expect(holding()).toBe(0);
  });
});

describe('threads of the provider for Node', () => {
  test.each([0, 1, 2])('are %i, and agree with noble', async (threads) => {
    const crypto = await createNodeCrypto({ threads });
    const many = Array.from({ length: 1100 }, (_, i) => PAIRINGS[i % PAIRINGS.length]!);
    const wanted = many.map((_, i) => SHARED[i % SHARED.length]);
    expect(await crypto.sharedSecrets(many)).toEqual(wanted);
    await crypto.close();
    expect(await crypto.sharedSecrets(PAIRINGS)).toEqual(SHARED);
  });

  test('are a number of them', async () => {
    await expect(createNodeCrypto({ threads: -1 })).rejects.toThrow(RangeError);
    await expect(createNodeCrypto({ threads: 1.5 })).rejects.toThrow(TypeError);
    const misspelt = { thread: 1 } as object;
    await expect(createNodeCrypto(misspelt)).rejects.toThrow('there is no option "thread"');
  });

  test('let a process end that forgot to close them', async () => {
    const child = join(import.meta.dirname, '../../support/unclosed-crypto.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', child]);
    expect(stdout).toBe('1100 secrets\n');
  });
});
