import { type Refusal, refusalOf } from "./refusal.ts";

const refused = refusalOf("envoyfilters");

export const envoyFilterRefusals: readonly Refusal[] = [
  refused(
    "a selector and targets",
    { workloadSelector: { labels: { a: "b" } }, targetRefs: [{ kind: "Gateway", name: "g" }] },
    "set at most one of workloadSelector and targetRefs",
  ),
];
