import { RE2JS } from "re2js";
import { millisecond, parseDuration, second } from "../duration.ts";
import type { Field } from "./field.ts";

/** Values that many kinds use: durations, percentages, regular expressions. */

export interface DurationRule {
  /** `0s` stands for "none". */
  readonly zero?: boolean;
  /** No fraction of a second, as the value is sent in seconds. */
  readonly wholeSeconds?: boolean;
}

/** A Go duration of at least 1 ms, in whole milliseconds, which is what the data plane keeps. */
export function checkDuration(field: Field, rule: DurationRule = {}): void {
  const text = field.text();
  if (text === undefined) return;
  const duration = parseDuration(text);
  if (duration === undefined) {
    field.invalid("must be a duration, such as 250ms, 1.5s or 1h30m");
    return;
  }
  if (duration === 0n && rule.zero === true) return;
  if (duration < millisecond) {
    field.invalid("must be at least 1ms");
    return;
  }
  if (duration % millisecond !== 0n) {
    field.invalid("must be a whole number of milliseconds");
    return;
  }
  if (rule.wholeSeconds === true && duration % second !== 0n)
    field.invalid("must be a whole number of seconds");
}

/** The least percentage above 0 that the data plane can draw: one in a million. */
const leastPercent = 0.0001;

/** A `{value}` object: 0, or 0.0001 to 100. */
export function checkPercent(field: Field): void {
  if (!field.present || !field.object(["value"])) return;
  const value = field.at("value").number(0, 100);
  if (value !== undefined && value > 0 && value < leastPercent) {
    field.at("value").invalid(`must be 0 or at least ${leastPercent}`);
  }
}

const longestRegex = 1_024;

/** An RE2 expression: linear in time, so without back-references and look-around. */
export function checkRegex(field: Field): void {
  const text = field.text();
  if (text === undefined) return;
  if (text === "") {
    field.invalid("must not be empty");
    return;
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > longestRegex) {
    field.invalid(`must have at most ${longestRegex} bytes; it has ${bytes}`);
    return;
  }
  try {
    RE2JS.compile(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    field.invalid(`must be an RE2 regular expression: ${problem.slice(0, 120)}`);
  }
}
