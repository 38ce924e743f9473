/** What two peers tell each other of themselves (RFC 9113 section 6.5). */

import * as frames from "./frames.ts";
import { MAX_LIST_BYTES } from "./head-decoder.ts";

/**
 * What a stream may send before its taker has taken any: enough for 250 MB/s at half a millisecond, and what one slow
 * reader can make us hold.
 */
export const STREAM_WINDOW = 128 * 1024;
/** Larger than a stream's many times over: equal ones let one stream stop all others (as ztunnel found). */
export const CONNECTION_WINDOW = 2 * 1024 * 1024;
/** As Envoy: gRPC clients have one connection for all that they do. */
export const MAX_STREAMS = 1024;

type Setting = readonly [id: number, value: number];

export const SERVER_SETTINGS: readonly Setting[] = [
  [frames.MAX_CONCURRENT_STREAMS, MAX_STREAMS],
  [frames.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
  [frames.MAX_HEADER_LIST_SIZE, MAX_LIST_BYTES],
  [frames.ENABLE_CONNECT_PROTOCOL, 1],
];

export const CLIENT_SETTINGS: readonly Setting[] = [
  [frames.ENABLE_PUSH, 0],
  [frames.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
  [frames.MAX_HEADER_LIST_SIZE, MAX_LIST_BYTES],
];

/** What a server may open before it has said how many: as most do in practice (section 6.5.2 says unlimited). */
const ASSUMED_STREAMS = 100;

export class PeerSettings {
  tableBytes = 4096;
  /** The smallest that it was on the way from the frame before: one may say it more than once. */
  leastTableBytes = 4096;
  maxStreams = ASSUMED_STREAMS;
  window = frames.DEFAULT_WINDOW;
  maxFrame = frames.MIN_MAX_FRAME;
  maxListBytes = Number.POSITIVE_INFINITY;
  received = false;

  /** Takes a SETTINGS frame's payload; 0, or the error that ends the connection. `fromServer`: servers may not ask for pushes. */
  read(bytes: Uint8Array, start: number, end: number, fromServer: boolean): number {
    if (!this.received) this.maxStreams = Number.POSITIVE_INFINITY;
    this.received = true;
    this.leastTableBytes = this.tableBytes;
    for (let at = start; at < end; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      const value = frames.readUint32(bytes, at + 2);
      switch (id) {
        case frames.HEADER_TABLE_SIZE:
          this.tableBytes = value;
          this.leastTableBytes = Math.min(this.leastTableBytes, value);
          break;
        case frames.ENABLE_PUSH:
          if (value > 1 || (fromServer && value === 1)) return frames.PROTOCOL_ERROR;
          break;
        case frames.MAX_CONCURRENT_STREAMS:
          this.maxStreams = value;
          break;
        case frames.INITIAL_WINDOW_SIZE:
          if (value > frames.MAX_WINDOW) return frames.FLOW_CONTROL_ERROR;
          this.window = value;
          break;
        case frames.MAX_FRAME_SIZE:
          if (value < frames.MIN_MAX_FRAME || value > 0xffffff) return frames.PROTOCOL_ERROR;
          this.maxFrame = value;
          break;
        case frames.MAX_HEADER_LIST_SIZE:
          this.maxListBytes = value;
          break;
        case frames.ENABLE_CONNECT_PROTOCOL:
          // WebSockets go on over HTTP/1.1, whatever an endpoint offers.
          if (value > 1) return frames.PROTOCOL_ERROR;
          break;
      }
    }
    return 0;
  }
}
