/** HTTP/2 frames as bytes, right or wrong as a test wants them (RFC 9113 section 4.1; HPACK literals without Huffman, RFC 7541 section 6.2). */

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = EMPTY): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SETTINGS with these identifiers and values. */
export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const parts = Object.entries(values).map(([id, value]) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(Number(id), 0);
    bytes.writeUInt32BE(value, 2);
    return bytes;
  });
  return frame(TYPE.settings, 0, 0, Buffer.concat(parts));
}

/** A literal field that no table keeps. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x00]), text(name), text(value)]);
}

/** A literal field that goes into the dynamic table. */
export function indexedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

/** The pseudo-headers of a request. */
export function request(path: string, method = "GET", authority = "web"): Buffer {
  return Buffer.concat([
    literal(":method", method),
    literal(":scheme", "http"),
    literal(":authority", authority),
    literal(":path", path),
  ]);
}

/** A GET as one frame. */
export function get(stream: number, path: string, more: Uint8Array = EMPTY): Buffer {
  return frame(TYPE.headers, END_HEADERS | END_STREAM, stream, Buffer.concat([request(path), more]));
}

function text(value: string): Buffer {
  return Buffer.concat([integer(value.length, 7), Buffer.from(value, "latin1")]);
}

/** RFC 7541 section 5.1, with zero bits before the prefix. */
function integer(value: number, prefix: number): Buffer {
  const most = (1 << prefix) - 1;
  if (value < most) return Buffer.from([value]);
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** One frame as it was received. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The whole frames at the beginning of what was received. */
export function framesIn(received: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= received.length; ) {
    const length = received.readUIntBE(at, 3);
    if (at + 9 + length > received.length) break;
    frames.push({
      type: received[at + 3] as number,
      flags: received[at + 4] as number,
      stream: received.readUInt32BE(at + 5) & 0x7fffffff,
      payload: received.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

const EMPTY = Buffer.alloc(0);
