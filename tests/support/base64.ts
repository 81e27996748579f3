/** Bytes as text, for channels that carry text alone; in Node and in browsers. */

/** Characters that a call may have as arguments. */
const CHUNK = 2 ** 15;

/** Bytes in Base64. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

/** The bytes again. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
