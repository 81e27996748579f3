/**
 * Questions whose answers are published, put to every implementation before it is used: a platform
 * that answers one of them wrongly is not trusted with the primitive at all. They take a few
 * milliseconds where curves are native, and a tenth of a second where they are not.
 *
 * - FIPS 180-4, SHA-256: its two examples.
 * - RFC 5869, HKDF: A.1 to A.3, their first 32 bytes.
 * - draft-irtf-cfrg-xchacha-03, XChaCha20-Poly1305: A.3.
 * - RFC 7748, X25519: sections 5.2 and 6.1, and keys of low order, which section 6.1 lets us refuse.
 * - RFC 8032, Ed25519: section 7.1, and signatures on which libraries disagree: see strictness.ts.
 *
 * @module
 */

import { hexToBytes as bytes } from '@noble/hashes/utils.js';
import { joined, sameBytes, u32le } from '../suite.ts';
import type { Agreement, Boxes, Derive, Hash, Primitives, Signatures } from './primitives.ts';
import type { BoxOptions, Claim, Primitive } from './provider.ts';

/**
 * Whether a primitive gives all the answers that it should.
 *
 * @param isAlone - Whether a native implementation is examined by itself: it need not know what
 *   libraries disagree on, since it will not have the last word.
 */
export async function answersRightly<P extends Primitive>(
  primitive: P,
  implementation: Primitives[P],
  isAlone = false,
): Promise<boolean> {
  try {
    return await EXAMINERS[primitive](implementation, isAlone);
  } catch {
    return false;
  }
}

const EXAMINERS: {
  readonly [P in Primitive]: (it: Primitives[P], isAlone: boolean) => boolean | Promise<boolean>;
} = {
  sha256: examineHash,
  hkdf: examineDerivation,
  boxes: examineBoxes,
  agreement: examineAgreement,
  signatures: examineSignatures,
};

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Bytes that count up from the first. */
const counting = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => first + i);
const repeated = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);

const HASHES: readonly (readonly [text: string, hash: string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
];

/** Each text whole and in two parts. */
function examineHash(hash: Hash): boolean {
  return HASHES.every(([text, wanted]) => {
    const whole = ascii(text);
    const parts = [whole.subarray(0, 2), whole.subarray(2)];
    return [[whole], parts].every((input) => sameBytes(hash(input), bytes(wanted)));
  });
}

const DERIVATIONS: readonly {
  readonly secret: Uint8Array;
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
  readonly output: string;
}[] = [
  {
    secret: repeated(0x0b, 22),
    salt: counting(13),
    info: counting(10, 0xf0),
    output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf',
  },
  {
    secret: counting(80),
    salt: counting(80, 0x60),
    info: counting(80, 0xb0),
    output: 'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c',
  },
  {
    secret: repeated(0x0b, 22),
    salt: new Uint8Array(),
    info: new Uint8Array(),
    output: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
  },
];

function examineDerivation(hkdf: Derive): boolean {
  return DERIVATIONS.every(({ secret, salt, info, output }) =>
    sameBytes(hkdf(secret, { salt, info }), bytes(output)),
  );
}

const BOX: BoxOptions & { readonly content: Uint8Array; readonly sealed: Uint8Array } = {
  key: counting(32, 0x80),
  nonce: counting(24, 0x40),
  associated: bytes('50515253c0c1c2c3c4c5c6c7'),
  content: ascii(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  sealed: bytes(
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49',
  ),
};

/** The box itself, opened; then with a bit changed at its start and end, cut short, and of another. */
function examineBoxes({ seal, open }: Boxes): boolean {
  const { content, sealed } = BOX;
  const opened = open(sealed, BOX);
  const others = [0, sealed.length - 1].map((place) => flipped(sealed, place));
  return (
    sameBytes(seal(content, BOX), sealed) &&
    opened !== undefined &&
    sameBytes(opened, content) &&
    [...others, sealed.subarray(1), sealed.subarray(0, 15)].every((s) => !open(s, BOX)) &&
    open(sealed, { ...BOX, associated: flipped(BOX.associated, 0) }) === undefined
  );
}

const AGREEMENTS: readonly (readonly [secret: string, publicKey: string, shared: string])[] = [
  [
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
  [
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  [
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
];

/** Section 6.1 once more: a secret and its public key. */
const AGREEMENT_KEY = [AGREEMENTS[2]![0], AGREEMENTS[3]![1]] as const;

/** The u of all points of order 1, 2, 4 and 8, on the curve and on its twist, as far as 255 bits go. */
const LOW_ORDER: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
];

/** Keys of low order stand among the others, with and without the bit that does not count. */
async function examineAgreement(agreement: Agreement): Promise<boolean> {
  const low = LOW_ORDER.map(bytes).flatMap((key) => [key, flipped(key, 31, 0x80)]);
  const right = AGREEMENTS.map((row) => row.map(bytes) as [Uint8Array, Uint8Array, Uint8Array]);
  const secret = right[0]![0];
  const shared = await agreement.sharedSecrets([
    ...low.map((publicKey) => ({ secret, publicKey })),
    ...right.map(([own, publicKey]) => ({ secret: own, publicKey })),
  ]);
  const [publicKey] = await agreement.publicKeys([bytes(AGREEMENT_KEY[0])]);
  return (
    shared.length === low.length + right.length &&
    low.every((_, i) => shared[i] === undefined) &&
    right.every(([, , wanted], i) => sameBytes(shared[low.length + i]!, wanted)) &&
    sameBytes(publicKey!, bytes(AGREEMENT_KEY[1]))
  );
}

const SIGNATURES: readonly {
  readonly secret: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
}[] = [
  {
    secret: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555' +
      'fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0' +
      '85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    secret: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1' +
      '8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
];

/** An ordinary key, and a signature by it of `SAGG1`. */
const ORDINARY = '50584106c66171dbe6901bd187252a0d704a02a1080f80c486575d07e5e4b4fe';
const ORDINARY_POINT = 'b152e8f0d14bb4796c5c48efc168a523b55583f73462b0946d4e834b70959344';
/** An ordinary key plus a point of order 8. */
const MIXED = '0cbba71954049ec81385f1a9a40b65bf4f2928735bd8f1248c4ef99a630012b0';
const IDENTITY = `01${'00'.repeat(31)}`;
const ZERO = '00'.repeat(32);

/** Signatures of `SAGG1` that some libraries take and others do not, and what we say. */
const DISPUTED: readonly (readonly [key: string, point: string, scalar: string, holds: boolean])[] =
  [
    [
      ORDINARY,
      ORDINARY_POINT,
      '5702124a745ee2fd21a40462cb76ee0eab8d85424bdf8bb9cdf3316c202d9c0b',
      true,
    ],
    // The same scalar plus the order of the group.
    [
      ORDINARY,
      ORDINARY_POINT,
      '44d607a78ec1f455f840fc04aa70cd23ab8d85424bdf8bb9cdf3316c202d9c1b',
      false,
    ],
    // R is the neutral point; it is so in other words; with a sign.
    [ORDINARY, IDENTITY, 'f263fc0bdb466639e3d8e644f176e55f508670140a4d2c0e4f4be31c5560240c', true],
    [
      ORDINARY,
      `ee${'ff'.repeat(30)}7f`,
      '26a09c785eca280bbb1dbc6b33aa01ee5aba97eaa184eb55cb865c884ae5d00d',
      false,
    ],
    [
      ORDINARY,
      `01${'00'.repeat(30)}80`,
      'a553ae229889c9f03c23e1a54e250f67a43343d23cb483f07542c4ed40da9803',
      false,
    ],
    // The key is the neutral point: signs everything. In other words; with a sign.
    [IDENTITY, IDENTITY, ZERO, false],
    [`ee${'ff'.repeat(30)}7f`, IDENTITY, ZERO, false],
    [`01${'00'.repeat(30)}80`, IDENTITY, ZERO, false],
    // The key is of order 2, 4 and 8; the equation holds without the cofactor.
    [
      `ec${'ff'.repeat(30)}7f`,
      ORDINARY_POINT,
      'b10cc7e1389df8ffc2d9203f0100000000000000000000000000000000000000',
      false,
    ],
    [
      ZERO,
      'ce22f3b4385f5fa7e42b35ebf08210dc456525eba8f440d284b5cd83459b0786',
      'd70cc7e1389df8ffc2d9203f0100000000000000000000000000000000000000',
      false,
    ],
    [
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '5bc585e5516c799f1418eb683cdfb25c8faa1c8ec8f7421f1fee1d3ecb607420',
      'b40cc7e1389df8ffc2d9203f0100000000000000000000000000000000000000',
      false,
    ],
    // R, then the key, has a part of order 8: holds with the cofactor alone. Then without it too.
    [
      ORDINARY,
      '32b1f55cf4ebaa5fb6b6eda1457c9214b7ed051a470e3f5e7ea48240a2de9d1e',
      '49de85ebf6f7f46088dc42997b5d612aa72a3b0ec9893e87b586259c1f73be0d',
      true,
    ],
    [
      MIXED,
      ORDINARY_POINT,
      '68957321de14588871f22b5a6dcd1b7ff4c5790f5680777bc749eac61a128005',
      true,
    ],
    [
      MIXED,
      '1f9215aab5bb0a368cf1185683790b1d53a9f219653be4b0b3dff14537be11cf',
      '28abc4e30cb2deca5f89ce3fab93cb789a76caf3f69309628600e33128156907',
      true,
    ],
  ];

async function examineSignatures(signatures: Signatures, isAlone: boolean): Promise<boolean> {
  for (const { secret, publicKey, message, signature } of SIGNATURES) {
    const own = bytes(secret);
    const isRight =
      sameBytes(await signatures.publicKey(own), bytes(publicKey)) &&
      sameBytes(await signatures.sign(bytes(message), own), bytes(signature));
    if (!isRight) return false;
  }
  const [claims, wanted] = claimsAndVerdicts(isAlone ? [] : DISPUTED);
  const verdicts = await signatures.verifyAll(claims);
  return verdicts.length === wanted.length && wanted.every((verdict, i) => verdict === verdicts[i]);
}

/** Published signatures, each followed by itself with a bit changed in R, S, key or message. */
function claimsAndVerdicts(rows: typeof DISPUTED): readonly [Claim[], boolean[]] {
  const published = SIGNATURES.flatMap((one) => {
    const [publicKey, message] = [bytes(one.publicKey), bytes(one.message)];
    const signature = bytes(one.signature);
    const claim = { publicKey, message, signature };
    return [
      claim,
      { ...claim, signature: flipped(signature, 0) },
      { ...claim, signature: flipped(signature, 32) },
      { ...claim, publicKey: flipped(publicKey, 0) },
      { ...claim, message: joined(message, u32le(0)) },
    ];
  });
  const message = ascii('SAGG1');
  const disputed = rows.map(([key, point, scalar]) => {
    return { publicKey: bytes(key), message, signature: bytes(point + scalar) };
  });
  const verdicts = [...published.map((_, i) => i % 5 === 0), ...rows.map((row) => row[3])];
  return [[...published, ...disputed], verdicts];
}

/** The bytes with one bit changed. */
function flipped(original: Uint8Array, place: number, bit = 1): Uint8Array {
  const changed = Uint8Array.from(original);
  changed[place]! ^= bit;
  return changed;
}
