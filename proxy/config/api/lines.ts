import { freeRead } from "../../net/free-read.ts";
import { ConfigError } from "../errors.ts";

/**
 * Splits a stream of bytes into lines. Lines come out in batches, one for each chunk that ended at least one, so that what
 * arrived together can be applied together. Throws ConfigError for a line above `maxBytes`: nothing is buffered without bound.
 *
 * An index of thousands of services comes anew with each service that appears, so the memory of lines and chunks is given back at
 * once: the chunks are this stream's to take, and a line is good until the next batch is asked for.
 */
export async function* lineBatches(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array[]> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const rest = chunk.subarray(from, end);
      check(size + rest.length, maxBytes);
      const line = pending.length === 0 ? rest : Buffer.concat([...pending, rest]);
      for (const part of pending) freeRead(part);
      pending = [];
      size = 0;
      from = end + 1;
      if (line.length > 0) lines.push(line);
    }
    if (from < chunk.length) {
      pending.push(from === 0 ? chunk : new Uint8Array(chunk.subarray(from)));
      size += chunk.length - from;
      check(size, maxBytes);
    }
    if (lines.length > 0) yield lines;
    for (const line of lines) freeRead(line);
    if (from > 0) freeRead(chunk);
  }
}

function check(size: number, maxBytes: number): void {
  if (size > maxBytes)
    throw new ConfigError("WEFT_CONFIG_TOO_LARGE", `a watch event has over ${maxBytes} bytes`);
}
