/**
 * A strict reader of small tar archives (POSIX.1-1988 ustar and the old GNU form): regular files
 * and folders, names inside the archive's root, every header's checksum verified. Anything else is
 * refused, since what is unpacked here is later loaded as code.
 *
 * @module
 */

import { FormatError } from '../../core/errors.ts';

const BLOCK = 512;

/** Bytes of a header field up to its first NUL. */
function text(header: Uint8Array, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? field : field.subarray(0, end));
}

function octal(header: Uint8Array, from: number, length: number): number {
  const digits = text(header, from, length).trim();
  if (!/^[0-7]+$/.test(digits)) {
    throw new FormatError('malformed', `tar: ${JSON.stringify(digits)} is not an octal number`);
  }
  return Number.parseInt(digits, 8);
}

/** The checksum counts its own eight bytes as spaces. */
function verifyChecksum(header: Uint8Array): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i]!;
  if (sum !== octal(header, 148, 8)) {
    throw new FormatError('malformed', 'tar: the checksum of a header is wrong');
  }
}

function safeName(header: Uint8Array): string {
  // Bytes 345 to 500 are a path prefix in ustar ("ustar\0") and other things in GNU ("ustar  \0").
  const prefix = header[262] === 0 ? text(header, 345, 155) : '';
  const name = prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
  const parts = name.replace(/\/$/, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\:]/.test(part))) {
    throw new FormatError('malformed', `tar: the name ${JSON.stringify(name)} is not admitted`);
  }
  return parts.join('/');
}

/**
 * The regular files of an archive by name; contents are views of `archive`.
 *
 * @throws {FormatError} `malformed` for a broken archive or a name that leaves its root,
 *   `unsupported` for an entry that is neither file nor folder.
 */
export function untar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    if (text(header, 257, 5) !== 'ustar')
      throw new FormatError('malformed', 'tar: no ustar header');
    verifyChecksum(header);
    const name = safeName(header);
    const size = octal(header, 124, 12);
    const type = String.fromCharCode(header[156]!);
    at += BLOCK;
    if (type === '5') continue;
    if (type !== '0' && type !== '\0') {
      throw new FormatError('unsupported', `tar: ${name} is of type ${JSON.stringify(type)}`);
    }
    if (at + size > archive.length) throw new FormatError('malformed', `tar: ${name} is cut short`);
    if (files.has(name)) throw new FormatError('malformed', `tar: ${name} occurs twice`);
    files.set(name, archive.subarray(at, at + size));
    at += Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new FormatError('malformed', 'tar: the end of the archive is missing');
}
