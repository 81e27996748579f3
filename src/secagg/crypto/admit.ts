/**
 * Who does which primitive: the first that gives all known answers, noble if nobody else does.
 *
 * @module
 */

import { SecureError } from '../../core/errors.ts';
import { answersRightly } from './known-answers.ts';
import { arbitrated } from './last-word.ts';
import { noblePrimitives } from './noble.ts';
import type { Primitives } from './primitives.ts';
import type { Admitted, Implementation, Primitive } from './provider.ts';

/** A native implementation of some primitives. */
export interface Candidate {
  readonly by: Exclude<Implementation, 'noble'>;
  readonly primitives: Partial<Primitives>;
}

/** What was chosen. */
export interface Admission {
  readonly primitives: Primitives;
  readonly admitted: Admitted;
}

/**
 * Examines a native implementation and, for what that is not admitted to, noble.
 *
 * @throws {SecureError} `unavailable` if noble itself is wrong on this platform.
 */
export async function admit(native?: Candidate): Promise<Admission> {
  const choose = async <P extends Primitive>(primitive: P): Promise<Chosen<P>> => {
    const part = native && (await admitted(primitive, native.primitives));
    if (part !== undefined) return { by: native!.by, part };
    const own = noblePrimitives[primitive];
    if (await answersRightly(primitive, own)) return { by: 'noble', part: own };
    const what = `${primitive} does not give its published answers on this platform`;
    throw new SecureError('unavailable', what);
  };
  const sha256 = await choose('sha256');
  const hkdf = await choose('hkdf');
  const boxes = await choose('boxes');
  const agreement = await choose('agreement');
  const signatures = await choose('signatures');
  return {
    primitives: {
      sha256: sha256.part,
      hkdf: hkdf.part,
      boxes: boxes.part,
      agreement: agreement.part,
      signatures: signatures.part,
    },
    admitted: {
      sha256: sha256.by,
      hkdf: hkdf.by,
      boxes: boxes.by,
      agreement: agreement.by,
      signatures: signatures.by,
    },
  };
}

interface Chosen<P extends Primitive> {
  readonly by: Implementation;
  readonly part: Primitives[P];
}

/**
 * A native primitive that noble has the last word on, if it is right by itself and then on everything.
 * Alone first: noble would answer for one that refuses all.
 */
async function admitted<P extends Primitive>(
  primitive: P,
  native: Partial<Primitives>,
): Promise<Primitives[P] | undefined> {
  const alone = native[primitive];
  if (alone === undefined || !(await answersRightly(primitive, alone, true))) return undefined;
  const whole = arbitrated(native)[primitive]!;
  return (await answersRightly(primitive, whole)) ? whole : undefined;
}
