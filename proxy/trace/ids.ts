/**
 * The ids of a request that comes without: `x-request-id`, a random UUID (RFC 9562 section 5.4), and the context of a trace that
 * nobody has begun (W3C Trace Context, level 1, section 3.2), so that logs of every hop can be joined. Nobody records spans of it
 * here: the sampled flag is 0, and whoever samples downstream decides for itself.
 *
 * Both lines stand in one buffer whose digits are written over for each request, and come out as one string, where a
 * UUID, a trace context and joining them made four.
 */
import type { RandomBlock } from "./random-block.ts";

const NAME = "x-request-id: ";
const UUID_LENGTH = 36;
const lines = Buffer.from(
  `${NAME}00000000-0000-4000-8000-000000000000\r\ntraceparent: 00-${"0".repeat(32)}-${"0".repeat(16)}-00\r\n`,
  "latin1",
);
const UUID = NAME.length;
const SECOND_LINE = UUID + UUID_LENGTH + 2;
const TRACE = SECOND_LINE + "traceparent: 00-".length;
const PARENT = TRACE + 33;

/** The two digits of a byte. */
const DIGITS = Buffer.from("0123456789abcdef", "latin1");
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4] as number);
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS[byte & 15] as number);

/** Header lines with new ids, each with its CRLF: of those that are asked for, the request's id first. */
export function newIdLines(random: RandomBlock, requestId: boolean, trace: boolean): string {
  if (requestId) writeUuid(random);
  if (trace) {
    writeId(TRACE, 16, random);
    writeId(PARENT, 8, random);
  }
  return lines.toString("latin1", requestId ? 0 : SECOND_LINE, trace ? lines.length : SECOND_LINE);
}

/** The request's id in lines made here; "" when they have none. */
export function requestIdOf(idLines: string): string {
  return idLines.startsWith(NAME) ? idLines.slice(UUID, UUID + UUID_LENGTH) : "";
}

function writeUuid(random: RandomBlock): void {
  const from = random.take(16);
  const { bytes } = random;
  bytes[from + 6] = 0x40 | ((bytes[from + 6] as number) & 0x0f);
  bytes[from + 8] = 0x80 | ((bytes[from + 8] as number) & 0x3f);
  writeDigits(UUID, bytes, from, 4);
  writeDigits(UUID + 9, bytes, from + 4, 2);
  writeDigits(UUID + 14, bytes, from + 6, 2);
  writeDigits(UUID + 19, bytes, from + 8, 2);
  writeDigits(UUID + 24, bytes, from + 10, 6);
}

/** An id of zeros alone would be invalid (sections 3.2.2.3 and 3.2.2.4). */
function writeId(to: number, count: number, random: RandomBlock): void {
  const from = random.take(count);
  const { bytes } = random;
  if (bytes[from] === 0 && bytes.subarray(from, from + count).every((byte) => byte === 0)) {
    bytes[from + count - 1] = 1;
  }
  writeDigits(to, bytes, from, count);
}

function writeDigits(to: number, bytes: Uint8Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const byte = bytes[from + i] as number;
    lines[to + 2 * i] = HIGH[byte] as number;
    lines[to + 2 * i + 1] = LOW[byte] as number;
  }
}
