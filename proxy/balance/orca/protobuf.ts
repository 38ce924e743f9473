/** Protobuf's encoding of one message: fields one after another, each a number, a type and a value. */

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** One field, its value at `[start, end)` of the bytes; false ends the reading. */
export type TakeField = (number: number, type: number, start: number, end: number) => boolean;

/** Hands on each field of the message in `bytes[from, to)`; false when it is malformed, or `take` says so. */
export function fieldsOf(bytes: Uint8Array, from: number, to: number, take: TakeField): boolean {
  const tag: Varint = { value: 0, after: from };
  while (tag.after < to) {
    if (!readVarint(bytes, tag.after, to, tag)) return false;
    const number = Math.floor(tag.value / 8);
    const type = tag.value % 8;
    if (number === 0) return false;
    let start = tag.after;
    let end = start;
    if (type === FIXED64) end += 8;
    else if (type === FIXED32) end += 4;
    else if (type === VARINT || type === BYTES) {
      if (!readVarint(bytes, start, to, tag)) return false;
      if (type === BYTES) start = tag.after;
      end = type === BYTES ? start + tag.value : tag.after;
    } else return false; // groups, which no current message has
    if (end > to || !take(number, type, start, end)) return false;
    tag.after = end;
  }
  return true;
}

interface Varint {
  value: number;
  after: number;
}

/** Seven bits a byte, the lowest first. Beyond 2^53 digits are lost: such a length or number is none of ours. */
function readVarint(bytes: Uint8Array, from: number, to: number, into: Varint): boolean {
  let value = 0;
  for (let at = from, unit = 1; at < to && at < from + MAX_VARINT; at++, unit *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * unit;
    if (byte >= 128) continue;
    into.value = value;
    into.after = at + 1;
    return true;
  }
  return false;
}

const MAX_VARINT = 10;
