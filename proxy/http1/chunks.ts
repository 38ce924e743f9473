/** Content as HTTP/1.1's chunks (RFC 9112 section 7.1), for a body whose length nobody knows. */
import type { Head } from "../http/head.ts";
import type { Socket } from "../net/socket.ts";
import type { HeadWriter } from "./head-writer.ts";

/**
 * Writes what `writer` holds (a head, or nothing) and `bytes[start, end)` behind it as one chunk, with `last` the end of the
 * body, too: in one write where it fits. True when there is room for more.
 */
export function writeChunk(
  socket: Socket,
  writer: HeadWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  last: boolean,
): boolean {
  const size = end - start;
  if (size > 0) {
    const line = `${size.toString(16)}\r\n`;
    if (writer.fits(size + MAX_FRAMING)) {
      writer.text(line);
      writer.body(bytes, start, end);
    } else {
      if (!writer.fits(MAX_FRAMING)) flush(socket, writer);
      writer.text(line);
      flush(socket, writer);
      socket.write(bytes, start, end);
    }
    writer.text("\r\n");
  }
  if (last) writer.text("0\r\n\r\n");
  return flush(socket, writer);
}

/** Ends a body of chunks with trailers. */
export function writeTrailers(socket: Socket, writer: HeadWriter, trailers: Head): boolean {
  writer.text("0\r\n");
  writer.trailers(trailers);
  return flush(socket, writer);
}

/** A size, the line ends around the data, and the last chunk. */
const MAX_FRAMING = 32;

function flush(socket: Socket, writer: HeadWriter): boolean {
  const room = socket.write(writer.buffer, 0, writer.length, true);
  writer.length = 0;
  return room;
}
