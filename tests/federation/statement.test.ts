/** Signed statements of updates: what holds, and what each way of cheating is told. */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Identity } from '../../src/federation/identity.ts';
import type { RefusalCode } from '../../src/federation/refusals.ts';
import type { ClientRecord } from '../../src/federation/registry.ts';
import {
  checkStatement,
  parseStatement,
  type SignedStatement,
  STATEMENT_LIMITS,
  type Statement,
  type StatementContext,
  signStatement,
  statementId,
  statementToSign,
} from '../../src/federation/statement.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';
import { hex } from '../../src/secagg/suite.ts';

const crypto = nobleCrypto();
const NOW = 1_800_000_000_000;
const MODEL = 'ab'.repeat(32);

let alice: Identity;
let mallory: Identity;
let statement: Statement;
let context: StatementContext;

const recordOf = (identity: Identity): ClientRecord => ({
  client: identity.id,
  key: hex(identity.publicKey),
  formerKeys: [],
  enrolment: 'open',
  registeredAt: 1,
});

beforeAll(async () => {
  alice = await Identity.create(crypto);
  mallory = await Identity.create(crypto);
  statement = {
    run: 'r-1',
    round: 3,
    model: MODEL,
    client: alice.id,
    dtype: 'F16',
    length: 2 ** 21,
    chunkSize: 2 ** 20,
    root: 'cd'.repeat(32),
    samples: 500,
    clipNorm: 2,
    expires: NOW + 1000,
  };
  context = {
    run: 'r-1',
    open: { round: 3, model: MODEL, lengths: { F32: 2 ** 22, F16: 2 ** 21 }, clipNorm: 2 },
    sender: alice.id,
    record: recordOf(alice),
    limits: STATEMENT_LIMITS,
    now: NOW,
    crypto,
  };
});

async function refusal(
  change: Partial<Statement>,
  other: Partial<StatementContext> = {},
  edit: (signed: SignedStatement) => SignedStatement = (signed) => signed,
): Promise<{ code: RefusalCode; status: number; message: string } | undefined> {
  const signed = edit(await signStatement({ ...statement, ...change }, alice));
  const answer = await checkStatement(signed, { ...context, ...other });
  return answer.ok ? undefined : answer.refusal;
}

describe('a statement', () => {
  test('of a client that says what the round wants holds, and weighs what it claims', async () => {
    const answer = await checkStatement(await signStatement(statement, alice), context);
    const id = statementId(statement, crypto);
    expect(answer).toEqual({ ok: true, value: { id, statement, weight: 500, isRepeated: false } });
  });

  test('with more samples than are counted weighs the cap', async () => {
    const signed = await signStatement({ ...statement, samples: 400_000 }, alice);
    expect(await checkStatement(signed, context)).toMatchObject({ value: { weight: 10_000 } });
  });

  test('that comes again before its update is committed is gone on with', async () => {
    const before = { id: statementId(statement, crypto), isCommitted: false };
    const answer = await checkStatement(await signStatement(statement, alice), {
      ...context,
      before,
    });
    expect(answer).toMatchObject({ ok: true, value: { isRepeated: true } });
  });
});

describe('it is refused', () => {
  type Row = readonly [
    what: string,
    code: RefusalCode,
    says: RegExp,
    change: Partial<Statement>,
    other?: Partial<StatementContext>,
  ];
  const cases: readonly Row[] = [
    ['for another run', 'wrong-run', /for the run r-2, this is r-1/, { run: 'r-2' }],
    ['for a round that is over', 'wrong-round', /for round 2, round 3 takes/, { round: 2 }],
    ['for a round to come', 'wrong-round', /for round 4, round 3 takes/, { round: 4 }],
    ['when no round is open', 'wrong-round', /none takes updates/, {}, { open: undefined }],
    ['on another model', 'wrong-model', /on model ef.*the round on ab/, { model: 'ef'.repeat(32) }],
    ['when it is void', 'expired', /void 1 ms ago/, { expires: NOW - 1 }],
    [
      'when it is valid for too long',
      'expired',
      /86400000 ms is the longest/,
      { expires: NOW + 86_400_001 },
    ],
    [
      'in a number type that is not taken',
      'wrong-dtype',
      /takes F32, F16, not BF16/,
      { dtype: 'BF16' },
    ],
    [
      'of another length than the model has',
      'wrong-length',
      /an update in F16 has 2097152/,
      { length: 2 ** 21 - 1 },
    ],
    ['of a length beyond all bounds', 'too-large', /at most 1099511627776/, { length: 2 ** 41 }],
    ['in chunks that are too small', 'wrong-length', /chunks of 1 bytes/, { chunkSize: 1 }],
    [
      'in chunks that are too large',
      'wrong-length',
      /must be in \[524288, 4194304\]/,
      { chunkSize: 2 ** 23 },
    ],
    [
      'with a claim that nobody believes',
      'inflated-weight',
      /1000001 samples are claimed: at most 1000000/,
      { samples: 1_000_001 },
    ],
    ['on no samples', 'malformed', /one sample at least/, { samples: 0 }],
    [
      'clipped to another norm',
      'wrong-clip',
      /clipped to 3: the round clips to 2/,
      { clipNorm: 3 },
    ],
  ];

  test.each(cases.map((row) => [row[0], row] as const))('%s', async (_, row) => {
    const [, code, says, change, other] = row;
    const found = await refusal(change, other);
    expect(found?.code).toBe(code);
    expect(found?.message).toMatch(says);
  });

  test('not clipped at all, where the round clips', async () => {
    const { clipNorm: _, ...unclipped } = statement;
    const answer = await checkStatement(await signStatement(unclipped, alice), context);
    expect(answer).toMatchObject({ ok: false, refusal: { code: 'wrong-clip' } });
  });

  test('with any field changed after it was signed', async () => {
    const signed = await signStatement(statement, alice);
    const changes: Partial<Statement>[] = [
      { round: 4 },
      { model: 'ef'.repeat(32) },
      { dtype: 'F32', length: 2 ** 22 },
      { chunkSize: 2 ** 19 },
      { root: 'ce'.repeat(32) },
      { samples: 5000 },
      { clipNorm: 1 },
      { expires: NOW + 2000 },
      { run: 'r-2' },
    ];
    for (const change of changes) {
      const forged = { ...signed, statement: { ...statement, ...change } };
      const answer = await checkStatement(forged, context);
      expect(answer, JSON.stringify(change)).toMatchObject({
        ok: false,
        refusal: { code: 'bad-signature', status: 401 },
      });
    }
  });

  test('of another client, be it sent as one’s own or signed anew', async () => {
    const others = { sender: mallory.id, record: recordOf(mallory) };
    const signed = await signStatement(statement, alice);
    expect(await checkStatement(signed, { ...context, ...others })).toMatchObject({
      refusal: { code: 'wrong-client', status: 403 },
    });
    const stolen = { ...statement, client: mallory.id };
    const mixed = { statement: stolen, signature: signed.signature };
    expect(await checkStatement(mixed, { ...context, ...others })).toMatchObject({
      refusal: { code: 'bad-signature' },
    });
  });

  test('by a key that was replaced, a client that was revoked, is over, or is none', async () => {
    const record = recordOf(alice);
    const key = hex(mallory.publicKey);
    expect(await refusal({}, { record: { ...record, key } })).toMatchObject({
      code: 'bad-signature',
    });
    const revoked = { ...record, revoked: { at: 5, reason: 'sold its key' } };
    expect(await refusal({}, { record: revoked })).toMatchObject({
      code: 'revoked',
      message: expect.stringContaining('sold its key') as string,
    });
    expect(await refusal({}, { record: { ...record, expires: NOW - 1 } })).toMatchObject({
      code: 'registration-expired',
    });
    expect(await refusal({}, { record: undefined })).toMatchObject({
      code: 'unknown-client',
      status: 401,
    });
  });

  test('when its update was committed, or another was declared', async () => {
    const id = statementId(statement, crypto);
    expect(await refusal({}, { before: { id, isCommitted: true } })).toMatchObject({
      code: 'replay',
      status: 409,
    });
    expect(await refusal({}, { before: { id: 'another', isCommitted: false } })).toMatchObject({
      code: 'conflict',
      status: 409,
    });
  });

  test('with a signature of another length, or fields that are none', async () => {
    expect(
      await refusal({}, {}, (signed) => ({ ...signed, signature: new Uint8Array(63) })),
    ).toMatchObject({ code: 'malformed', status: 400 });
    const wrong = [
      { round: 1.5 },
      { samples: -1 },
      { length: '5' },
      { root: 'AB'.repeat(32) },
      { clipNorm: Number.NaN },
      { clipNorm: -1 },
      { dtype: 'toString' },
      { client: 'c-1\nforged log line' },
    ];
    for (const change of wrong) {
      const forged = {
        statement: { ...statement, ...change } as Statement,
        signature: new Uint8Array(64),
      };
      const answer = await checkStatement(forged, context);
      expect(answer).toMatchObject({ ok: false, refusal: { code: 'malformed' } });
      expect(JSON.stringify(answer)).not.toContain('forged');
    }
  });
});

describe('its bytes', () => {
  test('are read back, and none that were cut, grew or changed their length fields', () => {
    const bytes = statementToSign(statement);
    expect(parseStatement(bytes)).toEqual(statement);
    for (let length = 0; length < bytes.length; length++) {
      expect(parseStatement(bytes.subarray(0, length))).toBeUndefined();
    }
    expect(parseStatement(Uint8Array.from([...bytes, 0]))).toBeUndefined();
  });

  test('that are read are the only ones of their statement', () => {
    const bytes = statementToSign(statement);
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (place, change) => {
          const other = bytes.slice();
          other[place]! ^= change;
          const read = parseStatement(other);
          if (read !== undefined) expect(statementToSign(read)).toEqual(other);
        },
      ),
    );
  });
});
