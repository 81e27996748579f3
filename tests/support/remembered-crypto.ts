/**
 * A provider that remembers: the same question of a curve gets the same answer without computing it
 * again, so that hundreds of simulated rounds with the same keys take the time of a few.
 *
 * @module
 */

import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';

/** The provider, with a memory for everything that takes a curve. Answers are copies. */
export function rememberedCrypto(crypto: CryptoProvider): CryptoProvider {
  return {
    ...crypto,
    agreementKeys: remembered(
      (secrets) => crypto.agreementKeys(secrets),
      (secret) => [secret],
      copied,
    ),
    sharedSecrets: remembered(
      (pairings) => crypto.sharedSecrets(pairings),
      ({ secret, publicKey }) => [secret, publicKey],
      copied,
    ),
    verifyAll: remembered(
      (claims) => crypto.verifyAll(claims),
      ({ publicKey, message, signature }) => [publicKey, signature, message],
      (valid) => valid,
    ),
    sign: remembersOne(({ message, secret }: { message: Uint8Array; secret: Uint8Array }) =>
      crypto.sign(message, secret),
    ),
  };
}

function remembersOne(
  ask: (question: { message: Uint8Array; secret: Uint8Array }) => Promise<Uint8Array>,
): CryptoProvider['sign'] {
  const batch = remembered(
    (questions: readonly { message: Uint8Array; secret: Uint8Array }[]) =>
      Promise.all(questions.map(ask)),
    ({ message, secret }) => [secret, message],
    copied,
  );
  return async (message, secret) => (await batch([{ message, secret }]))[0]!;
}

/** Asks for what is not known yet, in one batch. */
function remembered<Question, Answer extends Uint8Array | boolean | undefined>(
  ask: (questions: readonly Question[]) => Promise<Answer[]>,
  bytesOf: (question: Question) => readonly Uint8Array[],
  given: (answer: Answer) => Answer,
): (questions: readonly Question[]) => Promise<Answer[]> {
  const known = new Map<string, Answer>();
  const nameOf = (question: Question): string =>
    Buffer.concat(bytesOf(question) as Uint8Array[]).toString('latin1');
  return async (questions) => {
    const names = questions.map(nameOf);
    const unknown = questions.filter((_, i) => !known.has(names[i]!));
    if (unknown.length > 0) {
      const answers = await ask(unknown);
      for (const [i, question] of unknown.entries()) {
        known.set(nameOf(question), given(answers[i]!));
      }
    }
    return names.map((name) => given(known.get(name)!));
  };
}

function copied<T extends Uint8Array | undefined>(bytes: T): T {
  return bytes?.slice() as T;
}
