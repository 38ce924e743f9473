import type { StringMatch } from "../../crds/service-config.ts";
import { compilePattern } from "./regex/pattern.ts";

/** Whether a value, undefined when absent, matches. */
export type StringMatcher = (value: string | undefined) => boolean;

/**
 * Compiles a StringMatch: `exact` and `prefix` compare bytes, `regex` matches the whole value, `present` any value there is.
 * A regex `*` means presence, as Istio reads it. Throws PatternError for a pattern that is no RE2.
 */
export function compileString(match: StringMatch, ignoreCase = false): StringMatcher {
  const { kind, value } = match;
  switch (kind) {
    case "exact": {
      if (!ignoreCase) return (text) => text === value;
      const lower = value.toLowerCase();
      return (text) => text !== undefined && text.length === value.length && text.toLowerCase() === lower;
    }
    case "prefix": {
      if (!ignoreCase) return (text) => text?.startsWith(value) === true;
      const lower = value.toLowerCase();
      return (text) => text?.slice(0, value.length).toLowerCase() === lower;
    }
    case "regex": {
      if (value === "*") return isPresent;
      const pattern = compilePattern(value);
      return (text) => text !== undefined && pattern.matches(text);
    }
    case "present":
      return isPresent;
  }
}

function isPresent(text: string | undefined): boolean {
  return text !== undefined;
}
