/** Takes the chunk framing off a body as it streams by; the body's reader has checked that the framing is well-formed. */
export class Unchunker {
  /** Bytes left of the current chunk's data. */
  #data = 0;
  /** The chunk's size line, while it is incomplete; lines between chunks are empty. */
  #line = "";
  #over = false;

  /** The data among `bytes[start, end)`, as views of it. */
  take(bytes: Uint8Array, start: number, end: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = start; at < end && !this.#over; ) {
      if (this.#data > 0) {
        const stop = Math.min(end, at + this.#data);
        parts.push(bytes.subarray(at, stop));
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
    return parts;
  }
}
