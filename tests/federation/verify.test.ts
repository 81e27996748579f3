/** A run is verified from its folder alone; whatever somebody changes there is found, and named. */

import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { openDatabase } from '../../src/federation/store/database.ts';
import { readRun } from '../../src/federation/store/run-reader.ts';
import { type CheckResult, verifyRun } from '../../src/federation/verify/verify.ts';
import {
  configOf,
  modelFile,
  nodeCrypto,
  ServedRun,
  temporaryFolder,
} from '../support/federation-server.ts';
import { type Edit, forged, play, privateConfig, rotated } from '../support/told-run.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let backend: Backend;
let plain: string;
let central: string;
/** The checks of the plain run while its server had it open. */
let whileServed: CheckResult[];
let forgeries = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  backend = await createBackend('reference');
  plain = join(folder.path, 'plain');
  central = join(folder.path, 'central');
  {
    const config = configOf({ rule: 'trimmed-mean:f=0', optimizer: 'fed-adam:eta=0.1' });
    await using run = await ServedRun.start({ folder: plain, config });
    let isRotated = false;
    await play(run, {
      async between(clients) {
        if (!isRotated) clients[0] = await rotated(clients[0]!);
        isRotated = true;
      },
    });
    whileServed = await verified(plain);
  }
  await using run = await ServedRun.start({ folder: central, config: privateConfig() });
  await play(run);
}, 60_000);

afterAll(async () => {
  await backend?.close();
  await folder?.[Symbol.asyncDispose]();
});

async function verified(path: string): Promise<CheckResult[]> {
  await using run = await readRun(path);
  const results: CheckResult[] = [];
  const crypto = await nodeCrypto();
  const options = { crypto, backendOf: async () => backend };
  for await (const result of verifyRun(run, options)) results.push(result);
  return results;
}

/** What the first check that fails says of a run with other events. */
async function found(from: string, edit: Edit): Promise<CheckResult> {
  const results = await verified(await forged(from, join(folder.path, `f${forgeries++}`), edit));
  expect(results.slice(0, -1).every(({ ok }) => ok)).toBe(true);
  return results.at(-1)!;
}

/** Changes the body of the first event of a type that `where` holds for. */
function change(type: string, to: (body: Record<string, unknown>) => object, skip = 0): Edit {
  let left = skip;
  return ({ type: own, body }) =>
    own === type && left-- === 0 ? ({ ...body, ...to(body) } as typeof body) : body;
}

test('a run that its server has open passes, a key that was changed on the way included', () => {
  expect(whileServed.map(({ check, ok }) => `${check} ${ok}`)).toEqual(
    ['chain', 'config', 'events', 'files', 'signatures', 'models', 'privacy', 'masks'].map(
      (check) => `${check} true`,
    ),
  );
  const texts = whileServed.map(({ text }) => text).join('\n');
  expect(texts).toContain('4 statements signed by the keys of their time, 4 updates as signed');
  expect(texts).toContain('2 models by fed-adam:eta=0.1, bit for bit');
});

test('a run with noise passes: models are made of their aggregates, charges are as they were', async () => {
  const results = await verified(central);
  expect(results.every(({ ok }) => ok)).toBe(true);
  const texts = results.map(({ text }) => text).join('\n');
  expect(texts).toContain('2 with noise that cannot be drawn again');
  expect(texts).toMatch(/2 charges as the accountant has them, 2 releases, .* ε \d/);
});

test('an event that was changed in place is found, and so is an end that was cut off', async () => {
  for (const [name, sql, what] of [
    [
      'changed',
      `UPDATE events SET body = replace(body, '"samples":10', '"samples":11')`,
      /event \d+ is not what was written/,
    ],
    ['cut', 'DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)', /its end is lost/],
    ['gap', 'DELETE FROM events WHERE seq = 5', /event 5 is missing/],
  ] as const) {
    const path = join(folder.path, name);
    // What readers share among themselves goes with the last of them, whenever that is.
    await cp(plain, path, { recursive: true, filter: (from) => !from.endsWith('-shm') });
    const database = await openDatabase(join(path, 'aggregis.db'));
    await database.exec(sql);
    database.close();
    expect(await verified(path), name).toMatchObject([
      { check: 'chain', ok: false, text: expect.stringMatching(what) },
    ]);
  }
});

test('without the witness of its end, or the configuration, a run fails and says what is missing', async () => {
  const failure = async (edit: (path: string) => Promise<void>) => {
    const path = await forged(plain, join(folder.path, `f${forgeries++}`), ({ body }) => body);
    await edit(path);
    return (await verified(path)).at(-1);
  };
  const head = (path: string) => join(path, 'head');
  expect(await failure((path) => rm(head(path)))).toEqual({
    check: 'chain',
    ok: false,
    text: expect.stringContaining('head: is missing'),
  });
  // Both slots as they are before anything was confirmed.
  expect(await failure((path) => writeFile(head(path), new Uint8Array(1024)))).toMatchObject({
    check: 'chain',
    ok: false,
    text: expect.stringContaining('head: names no event'),
  });
  expect(await failure((path) => rm(join(path, 'run.json')))).toEqual({
    check: 'config',
    ok: false,
    text: expect.stringContaining('run.json: is missing'),
  });
});

describe('a chain that was made anew is found by what is in it:', () => {
  test('a configuration that is another', async () => {
    const path = await forged(plain, join(folder.path, 'config'), ({ body }) => body);
    await writeFile(join(path, 'run.json'), '{}');
    expect((await verified(path)).at(-1)).toMatchObject({ check: 'config', ok: false });
  });

  test('an event that cannot follow', async () => {
    const last = await found(plain, (event) =>
      event.type === 'round.closed' ? undefined : event.body,
    );
    expect(last).toMatchObject({ check: 'events', ok: false, event: expect.any(Number) });
  });

  test('a file that holds something else', async () => {
    const path = await forged(plain, join(folder.path, 'file'), ({ body }) => body);
    await using run = await readRun(path);
    const names: string[] = [];
    for await (const { type, body } of run.events()) {
      if (type === 'update.committed') names.push(String(body.blob));
    }
    await writeFile(join(path, 'blobs', names[2]!), await modelFile([9, 9, 9, 9, 9, 9, 9]));
    const last = (await verified(path)).at(-1)!;
    expect(last).toMatchObject({ check: 'files', ok: false, event: expect.any(Number) });
    expect(last.text).toContain('(update.committed)');
  });

  test('another claim, another key, another weight', async () => {
    const signed = (to: object) =>
      change('update.declared', (body) => ({ signed: { ...(body.signed as object), ...to } }));
    const flipped = (text: string) => (text.startsWith('0') ? '1' : '0') + text.slice(1);
    const cases: [Edit, RegExp][] = [
      [signed({ expires: 1 }), /has another id/],
      [
        change('update.declared', (body) => {
          const own = body.signed as { signature: string };
          return { signed: { ...own, signature: flipped(own.signature) } };
        }),
        /not signed by the key that c-/,
      ],
      [change('update.declared', () => ({ samples: 1000 })), /10 samples count as 10, got 1000/],
      [
        change('update.committed', () => ({ samples: 1000 })),
        /10 samples were declared, 1000 counted/,
      ],
      [
        change('client.registered', () => ({ key: 'ab'.repeat(32) })),
        /has another key|not signed by the key/,
      ],
    ];
    for (const [edit, what] of cases) {
      const { ok, text, event } = await found(plain, edit);
      expect(ok).toBe(false);
      expect(text).toMatch(what);
      expect(event).toBeGreaterThan(0);
    }
  });

  test('an aggregate, a model or a state that is another', async () => {
    const names = new Map<string, string>();
    await using run = await readRun(plain);
    for await (const { type, body } of run.events()) {
      if (type === 'run.opened') names.set('first', String(body.model));
    }
    const first = names.get('first')!;
    const cases: [Edit, RegExp][] = [
      [change('round.aggregated', () => ({ blob: first })), /trimmed-mean:f=0 on reference makes/],
      [change('round.published', () => ({ optimizer: first })), /optimiser's state is/],
      [change('round.published', () => ({ model: first }), 1), /fed-adam:eta=0.1 makes/],
    ];
    for (const [edit, what] of cases) {
      expect(await found(plain, edit)).toMatchObject({
        check: 'models',
        ok: false,
        text: expect.stringMatching(what),
      });
    }
  });

  test('ε that falls, or is not what was charged; a release without a receipt', async () => {
    const cases: [Edit, RegExp][] = [
      [change('privacy.reserved', () => ({ epsilon: 0.5 }), 1), /ε falls from/],
      [change('privacy.reserved', () => ({ epsilon: 0.5 })), /the accountant says/],
      [
        change(
          'ledger.line',
          ({ text }) => ({ text: String(text).replace('"sigma"', '"sigmb"') }),
          1,
        ),
        /the ledger/,
      ],
      [
        (event) =>
          event.type === 'ledger.line' && String(event.body.text).includes('"commit"')
            ? undefined
            : event.body,
        /receipt|ledger/,
      ],
    ];
    for (const [edit, what] of cases) {
      const { check, ok, text } = await found(central, edit);
      expect([check, ok], text).toEqual(['privacy', false]);
      expect(text).toMatch(what);
    }
  });

  test('a charge that is released under twice', async () => {
    const seen: unknown[] = [];
    const last = await found(central, ({ type, body }) => {
      if (type !== 'privacy.reserved' && type !== 'round.aggregated') return body;
      seen.push(body.charge);
      return { ...body, charge: seen[0] as number };
    });
    expect(last).toMatchObject({ ok: false, text: expect.stringContaining('charge') });
  });
});
