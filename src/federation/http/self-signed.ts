/**
 * A certificate that a new key signs for itself: X.509 version 3, ECDSA on P-256, which every browser
 * takes. It is written here since the packages that make one bring twenty more and change the language's
 * globals; nothing is parsed, and Node reads what is written before anybody sees it.
 *
 * Cooper et al. RFC 5280, section 4; ITU-T X.690 for the encoding.
 *
 * @module
 */

import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** What a certificate is for. */
export interface CertificateOptions {
  /** Names and addresses that it is good for. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Default `server`. */
  readonly purpose?: 'server' | 'client';
}

/** Makes a key and its certificate, both PEM. @throws {TypeError} if a name is none. */
export function selfSigned(options: CertificateOptions): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const content = toBeSigned(options, publicKey.export({ type: 'spki', format: 'der' }));
  const signature = sign('sha256', content, privateKey);
  const raw = sequence(content, ECDSA_WITH_SHA256, bitString(signature));
  const own = new X509Certificate(raw);
  if (!own.verify(publicKey)) throw new TypeError('the certificate is not what was signed');
  return { cert: own.toString(), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

function toBeSigned(
  { names, notBefore, notAfter, purpose = 'server' }: CertificateOptions,
  publicKey: Buffer,
): Buffer {
  const name = sequence(node(0x31, sequence(oid('2.5.4.3'), utf8('Aggregis coordinator'))));
  const extensions = sequence(
    extension('2.5.29.19', sequence(), { critical: true }),
    // The first bit: digital signatures.
    extension('2.5.29.15', node(0x03, Buffer.from([7, 0x80])), { critical: true }),
    extension('2.5.29.37', sequence(oid(purpose === 'server' ? SERVER_AUTH : CLIENT_AUTH))),
    extension('2.5.29.17', sequence(...names.map(generalName))),
  );
  const version3 = node(0xa0, integer(Buffer.from([2])));
  const validity = sequence(time(notBefore), time(notAfter));
  const serial = integer(randomBytes(16));
  const parts = [version3, serial, ECDSA_WITH_SHA256, name, validity, name, publicKey];
  return sequence(...parts, node(0xa3, extensions));
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

function extension(id: string, value: Buffer, { critical = false } = {}): Buffer {
  const flag = critical ? [node(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, node(0x04, value));
}

/** RFC 5280, section 4.2.1.6: [2] is a DNS name, [7] an address. */
function generalName(name: string): Buffer {
  if (isIP(name) !== 0) return node(0x87, addressBytes(name));
  if (/^[A-Za-z0-9._-]{1,253}$/.test(name)) return node(0x82, Buffer.from(name, 'ascii'));
  throw new TypeError(`a name of a certificate is a host or an address, got ${name}`);
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // Two groups may be written as IPv4; what stands around :: is filled up with zeros.
  const text = address.replace(/[\d.]+$/, (tail) => {
    if (!tail.includes('.')) return tail;
    return addressBytes(tail)
      .toString('hex')
      .replace(/^(.{4})/, '$1:');
  });
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  const all = [...front, ...zeros, ...back].map((group) => group.padStart(4, '0'));
  return Buffer.from(all.join(''), 'hex');
}

/** RFC 5280, section 4.1.2.5: two digits of the year before 2050. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const isShort = digits < '2050';
  return node(isShort ? 0x17 : 0x18, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`));
}

// DER

function node(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = length.toString(16);
  const size = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length]), size, content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return node(0x30, Buffer.concat(parts));
}

/** Not negative: a first bit that is set has a zero before it; zeros that say nothing are left out. */
function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.from([0]) : bytes.subarray(first);
  return node(0x02, digits[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits);
}

function bitString(bytes: Buffer): Buffer {
  return node(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function utf8(text: string): Buffer {
  return node(0x0c, Buffer.from(text, 'utf8'));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return node(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte, the highest first; all but the last have their first bit set. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift(0x80 | (left & 0x7f));
  return bytes;
}
