/**
 * A JSON list that is kept for long and read in parts. An index part lists every service of a namespace, of which a proxy looks at
 * few: parsed it would take several times its text, and most of the text is the same for every service. So each phrase that
 * recurs is one byte, of those that JSON has no use for, and an element is spelled out when it is looked at.
 *
 * It is read and written before any of this is compiled, so loops are few: code that runs hot at the start costs an idle sidecar
 * more than the text.
 */
import type { RawList } from "./raw-json.ts";

/**
 * What recurs in an index, with an entry's members in the order of their names, as the API server has them, and as in crds/; the
 * longer before the shorter. A phrase begins an element, or begins with a quote: elsewhere none is looked for.
 */
const PHRASES = [
  '","addresses":[],"ports":[{"port":',
  '","ports":[{"name":"http","port":',
  '","addresses":["',
  '"],"ports":[{"port":',
  '"protocol":"http","name":"',
  '"protocol":"http"}]}',
  '"protocol":"http"},',
  '","ports":[{"name":"',
  '","ports":[{"port":',
  '{"addresses":[],"',
  '{"addresses":["',
  '"protocol":"',
  '"],"exportTo":["',
  '"headless":true',
  '"],"hosts":["',
  '","name":"',
  '"],"key":"',
  '","port":',
  '","key":"',
  '{"name":"',
  '"}]}',
];
const encoder = new TextEncoder();
/** A phrase's code is its place; code 0 ends an element. */
const phraseOf: readonly Uint8Array[] = ["", ...PHRASES].map((phrase) => encoder.encode(phrase));
const END = 0;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export class PackedList {
  readonly #packed: Uint8Array;
  /** Bytes of the text: of the longest element, and of the list. */
  readonly #longest: number;
  readonly #length: number;

  private constructor(packed: Uint8Array, longest: number, length: number) {
    this.#packed = packed;
    this.#longest = longest;
    this.#length = length;
  }

  /** Keeps nothing of the list's own bytes. */
  static of(list: RawList): PackedList {
    const { bytes } = list;
    // Never longer than the text: where an element ends was a comma or the list's last bracket.
    const packed = new Uint8Array(bytes.length);
    let size = 0;
    let longest = 0;
    list.each((start, end) => {
      size = pack(bytes, start, end, packed, size);
      longest = Math.max(longest, end - start);
    });
    // What is not needed is given back at once, not when the collector comes.
    return new PackedList(new Uint8Array(packed.buffer.transfer(size)), longest, bytes.length);
  }

  /** Bytes that it holds. */
  get byteLength(): number {
    return this.#packed.length;
  }

  /** Calls with each element's place and its text at the beginning of `text`, which is good until the call returns. */
  each(visit: (at: number, text: Uint8Array) => void): void {
    const packed = this.#packed;
    const text = new Uint8Array(this.#longest);
    for (let at = 0; at < packed.length; at = packed.indexOf(END, at) + 1) {
      spell(packed, at, text, 0);
      visit(at, text);
    }
  }

  /** The text of the element at a place that `each` told. */
  element(at: number): string {
    const text = new Uint8Array(this.#longest);
    return new TextDecoder().decode(text.subarray(0, spell(this.#packed, at, text, 0)));
  }

  /** The whole list's text. */
  toString(): string {
    const packed = this.#packed;
    const text = new Uint8Array(Math.max(this.#length, 2));
    text[0] = OPEN;
    let size = 1;
    for (let at = 0; at < packed.length; at = packed.indexOf(END, at) + 1) {
      if (at > 0) text[size++] = COMMA;
      size = spell(packed, at, text, size);
    }
    text[size++] = CLOSE;
    return new TextDecoder().decode(text.subarray(0, size));
  }
}

/** Appends `text[start, end)` to `packed` at `size`; the new size. */
function pack(text: Uint8Array, start: number, end: number, packed: Uint8Array, size: number): number {
  let to = size;
  for (let at = start; at < end; ) {
    const byte = text[at] ?? 0;
    const code = byte === QUOTE || at === start ? codeAt(text, at) : END;
    // A space between tokens is as good as another, and in a string JSON has none of what is below it.
    packed[to++] = code !== END ? code : byte < SPACE ? SPACE : byte;
    at += phraseOf[code]?.length || 1;
  }
  packed[to] = END;
  return to + 1;
}

/** The code of the longest phrase that stands there; END when none does. */
function codeAt(text: Uint8Array, at: number): number {
  for (let code = 1; code < phraseOf.length; code++) {
    const phrase = phraseOf[code] as Uint8Array;
    // The third byte tells most of them apart.
    if (text[at + 2] !== phrase[2] || text[at] !== phrase[0]) continue;
    let same = 1;
    while (same < phrase.length && text[at + same] === phrase[same]) same++;
    if (same === phrase.length) return code;
  }
  return END;
}

/** Appends the text of the element at `at` to `text` at `size`; the new size. */
function spell(packed: Uint8Array, at: number, text: Uint8Array, size: number): number {
  let to = size;
  for (let i = at; i < packed.length && packed[i] !== END; i++) {
    const byte = packed[i] ?? 0;
    if (byte >= SPACE) {
      text[to++] = byte;
      continue;
    }
    const phrase = phraseOf[byte];
    if (phrase === undefined) continue;
    text.set(phrase, to);
    to += phrase.length;
  }
  return to;
}
