import { parseDurationMs } from "../compile/duration.ts";
import type { RequestAuthentication } from "../compile/inputs.ts";
import { keySource } from "../compile/request-authentication.ts";

const timeoutMs = 5_000;
const longestMs = 30_000;

/** Where the keys of all rules are, and how long fetching each may take: where rules differ, as long as one of them says. */
export function sourcesOf(policies: Iterable<RequestAuthentication>): Map<string, number> {
  const sources = new Map<string, number>();
  for (const { spec } of policies) {
    for (const rule of spec?.jwtRules ?? []) {
      const source = keySource(rule);
      if (source === undefined) continue;
      const own = Math.min(parseDurationMs(rule.timeout) || timeoutMs, longestMs);
      sources.set(source, Math.max(own, sources.get(source) ?? 0));
    }
  }
  return sources;
}
