import { type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("ratelimits");
const refusedRule = (name: string, rule: object, says: string) =>
  refused(name, { rules: [{ limit: { requests: 1 }, ...rule }] }, says);

export const rateLimitRefusals: readonly Refusal[] = [
  refusedRule("no requests", { limit: { requests: 0 } }, "spec.rules[0].limit.requests"),
  refusedRule(
    "two intervals",
    { limit: { requests: 1, unit: "DAY", per: "1s" } },
    "set at most one of unit and per",
  ),
  refusedRule("an interval over a day", { limit: { requests: 1, per: "25h" } }, "per is at most 24h"),
  refusedRule(
    "a key by no header",
    { key: [{ attribute: "HEADER" }] },
    "header is for attribute HEADER, which needs it",
  ),
  refusedRule(
    "a header by two values",
    { match: { headers: [{ name: "a", exact: "b", prefix: "c" }] } },
    "set at most one of exact and prefix",
  ),
  refused("no rules", { rules: [] }, "spec.rules in body should have at least 1 items"),
];
