/**
 * The context of a trace that nobody has begun (W3C Trace Context, level 1, section 3.2): a request that comes without
 * one gets ids on its first way out, so that logs of every hop can be joined. Nobody records spans of it here: the
 * sampled flag is 0, and whoever samples downstream decides for itself.
 *
 * The ids are unique, not secret: `Math.random` is good enough, and with the digits written in place the whole line
 * costs 0.2 µs.
 */

/** `traceparent: 00-TRACE-PARENT-00` and its line's end, written over for each request. */
const line = Buffer.from(`traceparent: 00-${"0".repeat(32)}-${"0".repeat(16)}-00\r\n`, "latin1");
const TRACE = "traceparent: 00-".length;
const PARENT = TRACE + 33;
const DIGITS = Buffer.from("0123456789abcdef", "latin1");

/** A header line with new ids, with its CRLF. `random` gives numbers in [0, 1). */
export function newTraceparent(random: () => number): string {
  // Ids of zeros alone are invalid (sections 3.2.2.3 and 3.2.2.4).
  word(TRACE, draw(random) || 1);
  word(TRACE + 8, draw(random));
  word(TRACE + 16, draw(random));
  word(TRACE + 24, draw(random));
  word(PARENT, draw(random) || 1);
  word(PARENT + 8, draw(random));
  return line.toString("latin1");
}

function draw(random: () => number): number {
  return (random() * 0x1_0000_0000) >>> 0;
}

function word(at: number, value: number): void {
  let rest = value;
  for (let digit = at + 7; digit >= at; digit--) {
    line[digit] = DIGITS[rest & 15] as number;
    rest >>>= 4;
  }
}
