/** Longest line a watch may send: etcd holds objects up to 1.5 MB, JSON may escape every byte of one. */
export const maxLineBytes = 16 << 20;

/**
 * Cuts a byte stream into lines, keeping a partial line for the next chunk. Cutting bytes, not text, keeps
 * multi-byte characters that span two chunks whole. Throws when a line grows past `limit` bytes.
 */
export function createLineSplitter(limit = maxLineBytes): (chunk: Uint8Array) => string[] {
  let partial: Uint8Array[] = [];
  let partialBytes = 0;
  const refuse = (size: number) => {
    throw new Error(`a line of the watch stream is ${size} bytes long; at most ${limit} are accepted`);
  };
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end);
      if (partialBytes + piece.length > limit) refuse(partialBytes + piece.length);
      const bytes = partialBytes === 0 ? view(piece) : Buffer.concat([...partial, piece]);
      partial = [];
      partialBytes = 0;
      if (bytes.length > 0) lines.push(bytes.toString("utf8"));
      start = end + 1;
    }
    if (start < chunk.length) {
      const rest = chunk.subarray(start);
      if (partialBytes + rest.length > limit) refuse(partialBytes + rest.length);
      partial.push(rest);
      partialBytes += rest.length;
    }
    return lines;
  };
}

const view = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
