/** Published answers, to every provider. */

import { describe, expect, test } from 'vitest';
import { counting, hex, PROVIDERS } from './providers.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const RFC_8032 = [
  {
    name: '1',
    secret: hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
    publicKey: hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    message: hex(),
    signature: hex(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155',
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ),
  },
  {
    name: '2',
    secret: hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
    publicKey: hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    message: hex('72'),
    signature: hex(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da',
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ),
  },
  {
    name: '3',
    secret: hex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'),
    publicKey: hex('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
    message: hex('af82'),
    signature: hex(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac',
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ),
  },
  {
    name: '1024',
    secret: hex('f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5'),
    publicKey: hex('278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e'),
    message: hex(
      '08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f',
      '77b1e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b27',
      '0b20329d658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1',
      '998bd177e93a7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa6',
      '2100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96',
      'bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b',
      '74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17b',
      'a70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bd',
      'e1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63b',
      'cbcc2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d2',
      '38f5555a7a569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d',
      '83d1255dc51addd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9',
      'af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca3',
      '2301651339e22904cc8c42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783a',
      'acec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc82aebfd904b01e1dc54b2927094b',
      '2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b16ac451649',
      'de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8b17b',
      '80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504cc',
      'c493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346',
      'f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d9',
      '0d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2eaaa707b4c',
      '4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8cac60c905c',
      '15fc910840b94c00a0b9d0',
    ),
    signature: hex(
      '0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350',
      'aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03',
    ),
  },
  {
    name: 'SHA(abc)',
    secret: hex('833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42'),
    publicKey: hex('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf'),
    message: hex(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a',
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    ),
    signature: hex(
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589',
      '09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ),
  },
];

describe.each(PROVIDERS)('%s', (_, crypto) => {
  test.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ])('SHA-256, FIPS 180-4: %.8s', (text, wanted) => {
    const bytes = ascii(text);
    expect(crypto.sha256(bytes)).toEqual(hex(wanted));
    expect(crypto.sha256(bytes.subarray(0, 1), new Uint8Array(), bytes.subarray(1))).toEqual(
      hex(wanted),
    );
  });

  test('HKDF, RFC 5869 A.1 to A.3: the first 32 bytes', () => {
    const short = new Uint8Array(22).fill(0x0b);
    const none = new Uint8Array();
    expect(crypto.hkdf(short, { salt: counting(13), info: counting(10, 0xf0) })).toEqual(
      hex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf'),
    );
    expect(
      crypto.hkdf(counting(80), { salt: counting(80, 0x60), info: counting(80, 0xb0) }),
    ).toEqual(hex('b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c'));
    expect(crypto.hkdf(short, { salt: none, info: none })).toEqual(
      hex('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d'),
    );
  });

  test('XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03 A.3', () => {
    const options = {
      key: counting(32, 0x80),
      nonce: counting(24, 0x40),
      associated: hex('50515253c0c1c2c3c4c5c6c7'),
    };
    const content = ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = hex(
      'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb',
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452',
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9',
      '21f9664c97637da9768812f615c68b13b52e',
      'c0875924c1c7987947deafd8780acf49',
    );
    expect(crypto.seal(content, options)).toEqual(sealed);
    expect(crypto.open(sealed, options)).toEqual(content);
  });

  test.each([
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
  ])('X25519, RFC 7748 5.2: %.8s', async (secret, publicKey, wanted) => {
    const pairing = { secret: hex(secret), publicKey: hex(publicKey) };
    expect(await crypto.sharedSecrets([pairing])).toEqual([hex(wanted)]);
  });

  // A million of them are run by scripts/iterate-x25519.ts.
  test('X25519, RFC 7748 5.2: 1 and 1,000 iterations', async () => {
    const after: Record<number, Uint8Array> = {};
    let [secret, publicKey] = [hex(`09${'00'.repeat(31)}`), hex(`09${'00'.repeat(31)}`)];
    for (let i = 1; i <= 1000; i++) {
      const [shared] = await crypto.sharedSecrets([{ secret, publicKey }]);
      publicKey = secret;
      secret = after[i] = shared!;
    }
    expect(after[1]).toEqual(
      hex('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'),
    );
    expect(after[1000]).toEqual(
      hex('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51'),
    );
  });

  test('X25519, RFC 7748 6.1: both public keys, and one secret', async () => {
    const secrets = [
      hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
      hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
    ];
    const [alice, bob] = await crypto.agreementKeys(secrets);
    expect(alice).toEqual(hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'));
    expect(bob).toEqual(hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'));
    const shared = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
    const pairings = [
      { secret: secrets[0]!, publicKey: bob! },
      { secret: secrets[1]!, publicKey: alice! },
    ];
    expect(await crypto.sharedSecrets(pairings)).toEqual([shared, shared]);
  });

  test.each(RFC_8032)('Ed25519, RFC 8032 7.1, test $name', async (one) => {
    const { secret, publicKey, message, signature } = one;
    expect(await crypto.signingKey(secret)).toEqual(publicKey);
    expect(await crypto.sign(message, secret)).toEqual(signature);
    const others = Array.from({ length: 8 }, (__, bit) => {
      const flipped = Uint8Array.from(signature);
      flipped[9 * bit]! ^= 1 << bit;
      return { publicKey, message, signature: flipped };
    });
    expect(await crypto.verifyAll([one, ...others])).toEqual([true, ...others.map(() => false)]);
  });
});
