/** Frames (RFC 9113 sections 4, 6 and 7): their numbers, and how each is written. */
import type { ByteBuffer } from "./byte-buffer.ts";

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITIZED = 0x20;

export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const FLOW_CONTROL_ERROR = 3;
export const SETTINGS_TIMEOUT = 4;
export const STREAM_CLOSED = 5;
export const FRAME_SIZE_ERROR = 6;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const COMPRESSION_ERROR = 9;
export const ENHANCE_YOUR_CALM = 11;

export const HEADER_TABLE_SIZE = 1;
export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
export const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;
/** RFC 8441 section 3. */
export const ENABLE_CONNECT_PROTOCOL = 8;

/** What a client's connection begins with (section 3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const FRAME_HEADER = 9;
/** The size that everyone takes (section 4.2). */
export const MIN_MAX_FRAME = 16_384;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fffffff;
export const MAX_STREAM_ID = 0x7fffffff;

const NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

export function errorName(code: number): string {
  return NAMES[code] ?? `error ${code}`;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

function writeUint32(out: ByteBuffer, value: number): void {
  const { bytes } = out;
  const at = out.length;
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  out.length = at + 4;
}

/** Writes a frame's header; its payload of this length follows. */
export function frameHeader(out: ByteBuffer, length: number, type: number, flags: number, id: number): void {
  out.reserve(FRAME_HEADER + length);
  putFrameHeader(out.bytes, out.length, length, type, flags, id);
  out.length += FRAME_HEADER;
}

function putFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = id >>> 24;
  bytes[at + 6] = id >>> 16;
  bytes[at + 7] = id >>> 8;
  bytes[at + 8] = id;
}

export function writeSettings(out: ByteBuffer, settings: readonly (readonly [number, number])[]): void {
  frameHeader(out, settings.length * 6, SETTINGS, 0, 0);
  for (const [id, value] of settings) {
    out.bytes[out.length++] = id >>> 8;
    out.bytes[out.length++] = id;
    writeUint32(out, value);
  }
}

export function writeSettingsAck(out: ByteBuffer): void {
  frameHeader(out, 0, SETTINGS, ACK, 0);
}

export function writePing(out: ByteBuffer, flags: number, bytes: Uint8Array, start: number): void {
  frameHeader(out, 8, PING, flags, 0);
  out.append(bytes, start, start + 8);
}

export function writeGoaway(out: ByteBuffer, lastId: number, code: number): void {
  frameHeader(out, 8, GOAWAY, 0, 0);
  writeUint32(out, lastId);
  writeUint32(out, code);
}

export function writeReset(out: ByteBuffer, id: number, code: number): void {
  frameHeader(out, 4, RST_STREAM, 0, id);
  writeUint32(out, code);
}

export function writeWindowUpdate(out: ByteBuffer, id: number, increment: number): void {
  frameHeader(out, 4, WINDOW_UPDATE, 0, id);
  writeUint32(out, increment);
}

export function writeData(
  out: ByteBuffer,
  id: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  last: boolean,
): void {
  frameHeader(out, end - start, DATA, last ? END_STREAM : 0, id);
  out.append(bytes, start, end);
}

/** Leaves room for the header of a HEADERS frame whose block is written behind it: the offset for `finishHeaders`. */
export function beginHeaders(out: ByteBuffer): number {
  const start = out.length;
  out.reserve(FRAME_HEADER);
  out.length += FRAME_HEADER;
  return start;
}

/** Writes the header at `start`; a block larger than a frame goes on in CONTINUATION frames. */
export function finishHeaders(
  out: ByteBuffer,
  start: number,
  id: number,
  last: boolean,
  maxFrame: number,
): void {
  const flags = last ? END_STREAM : 0;
  const size = out.length - start - FRAME_HEADER;
  if (size <= maxFrame) {
    putFrameHeader(out.bytes, start, size, HEADERS, flags | END_HEADERS, id);
    return;
  }
  const block = Buffer.from(out.bytes.subarray(start + FRAME_HEADER, out.length));
  out.length = start;
  for (let at = 0; at < size; at += maxFrame) {
    const end = Math.min(size, at + maxFrame);
    const final = end === size ? END_HEADERS : 0;
    if (at === 0) frameHeader(out, end, HEADERS, flags | final, id);
    else frameHeader(out, end - at, CONTINUATION, final, id);
    out.append(block, at, end);
  }
}
