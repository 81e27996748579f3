/**
 * Bytes as text that compresses as well as they do: base64 would hide what repeats from whatever
 * compresses a bundle on its way, and bytes that are compressed before it cost the text around them.
 *
 * Bytes that are common are a character each, others two: a page, and a place on it. Quotes and
 * backslashes do not occur.
 *
 * @module
 */

/** Places on a page: the characters from `(` to `~`, without the backslash. */
const PLACES = 86;
const FIRST_PLACE = 40;
const BACKSLASH = 92;
/** The characters of programs, the most frequent first: beside one, text of the same compresses best. */
const FREQUENT =
  'etrna,o)(si.=ulcf:{};hmdpwg0yb[]v2>+*134k-x`<MA?SE_B6|IF/NzTCDqUO@8RPjGWXLYZ57VHJK9Q^~';
/** Page 1 is `%`, page 2 `&`; page 0 is not written. */
const PAGE_0 = 36;

/** Bytes in the order of their places, page by page. */
function ordered(common: readonly number[]): number[] {
  return [...new Set([...common, ...Array(256).keys()])];
}

/** The bytes that are to be a character each, those that occur most often, place by place. */
export function commonBytes(bytes: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const byte of bytes) counts[byte]!++;
  const byCount = [...counts.keys()].sort((a, b) => counts[b]! - counts[a]!);
  return Array.from({ length: PLACES }, (_, place) => byCount[FREQUENT.indexOf(charAt(place))]!);
}

function charAt(place: number): string {
  const code = FIRST_PLACE + place;
  return String.fromCharCode(code + Number(code >= BACKSLASH));
}

/** Text for bytes, of which `common` are short in it. */
export function textOf(bytes: Uint8Array, common: readonly number[]): string {
  const characters = new Map(
    ordered(common).map((byte, i) => {
      const page = Math.floor(i / PLACES);
      const char = charAt(i % PLACES);
      return [byte, page === 0 ? char : String.fromCharCode(PAGE_0 + page) + char];
    }),
  );
  return Array.from(bytes, (byte) => characters.get(byte)).join('');
}

/** The bytes of a text, made with the same `common`. */
export function bytesOf(text: string, common: readonly number[]): Uint8Array<ArrayBuffer> {
  const order = ordered(common);
  const bytes = new Uint8Array(text.length);
  let count = 0;
  let page = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < FIRST_PLACE) page = code - PAGE_0;
    else {
      bytes[count++] = order[page * PLACES + code - FIRST_PLACE - Number(code > BACKSLASH)]!;
      page = 0;
    }
  }
  return bytes.slice(0, count);
}
