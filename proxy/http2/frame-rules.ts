/** What a frame's header alone tells of its being right (RFC 9113 section 6): length, and stream or connection. */
import * as frames from "./frames.ts";

/** 0, or the code of the connection error that the frame is. */
export function frameError(type: number, flags: number, id: number, length: number): number {
  switch (type) {
    case frames.HEADERS:
    case frames.PRIORITY:
      return id === 0 ? frames.PROTOCOL_ERROR : 0;
    case frames.RST_STREAM:
      if (length !== 4) return frames.FRAME_SIZE_ERROR;
      return id === 0 ? frames.PROTOCOL_ERROR : 0;
    case frames.SETTINGS:
      if (id !== 0) return frames.PROTOCOL_ERROR;
      return length % 6 !== 0 || ((flags & frames.ACK) !== 0 && length > 0) ? frames.FRAME_SIZE_ERROR : 0;
    case frames.PING:
      if (id !== 0) return frames.PROTOCOL_ERROR;
      return length !== 8 ? frames.FRAME_SIZE_ERROR : 0;
    case frames.GOAWAY:
      if (id !== 0) return frames.PROTOCOL_ERROR;
      return length < 8 ? frames.FRAME_SIZE_ERROR : 0;
    case frames.WINDOW_UPDATE:
      return length !== 4 ? frames.FRAME_SIZE_ERROR : 0;
    case frames.PUSH_PROMISE:
    case frames.CONTINUATION:
      // Nobody may push here; and what continues a head is not looked at as a frame of its own.
      return frames.PROTOCOL_ERROR;
    default:
      return 0;
  }
}
