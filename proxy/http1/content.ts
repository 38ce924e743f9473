/** Takes the chunk framing off a body as it streams by; the body's reader has checked that the framing is well-formed. */
import { Head } from "../http/head.ts";
import { readFields } from "./read-fields.ts";

export class Unchunker {
  /** Bytes left of the current chunk's data. */
  #data = 0;
  /** The chunk's size line, while it is incomplete; lines between chunks are empty. */
  #line = "";
  #over = false;
  /** What came behind the last chunk: trailers and the blank line. */
  #rest: Buffer[] | undefined;

  /** The data among `bytes[start, end)`: a view, or a copy where it stands in several chunks. */
  take(bytes: Buffer, start: number, end: number): Buffer {
    let first: Buffer | undefined;
    let parts: Buffer[] | undefined;
    for (let at = start; at < end; ) {
      if (this.#over) {
        this.#rest ??= [];
        this.#rest.push(bytes.subarray(at, end));
        break;
      }
      if (this.#data > 0) {
        const stop = Math.min(end, at + this.#data);
        const part = bytes.subarray(at, stop);
        if (first === undefined) first = part;
        else if (parts === undefined) parts = [first, part];
        else parts.push(part);
        this.#data -= stop - at;
        at = stop;
        continue;
      }
      const byte = bytes[at++] ?? 0;
      if (byte !== 10) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const line = this.#line.trim();
      this.#line = "";
      // The empty line ends the data of the chunk before.
      if (line === "") continue;
      this.#data = Number.parseInt(line, 16);
      this.#over = this.#data === 0;
    }
    return parts === undefined ? (first ?? NOTHING) : Buffer.concat(parts);
  }

  /** The trailers of a body that is over; undefined when it has none, or none that may be merged with anything. */
  trailers(): Head | undefined {
    const rest = Buffer.concat(this.#rest ?? []);
    if (rest.length <= 2) return undefined;
    const head = new Head();
    head.reset(rest, 0);
    return readFields(head, 0, rest.length) > 0 ? head : undefined;
  }
}

export const NOTHING = Buffer.alloc(0);
