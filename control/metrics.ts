import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import type { KubeMetrics } from "../kube/index.ts";
import { createKubeMetrics } from "../kube/metrics.ts";
import type { PublishMetrics } from "./publish/metrics-hooks.ts";

/** Everything that control counts, in one registry; event-loop lag and memory come with prom-client's own. */
export interface ControlMetrics {
  readonly registry: Registry;
  readonly kube: KubeMetrics;
  readonly publish: PublishMetrics;
  /** An admission review was answered. */
  webhook(path: string, allowed: boolean, ms: number): void;
  /** A certificate was issued or refused; `outcome` is "issued" or an error code. */
  certificate(outcome: string, ms: number): void;
  /** How a token was judged: "review", "offline" or "cache". */
  token(how: string): void;
}

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];

export function createControlMetrics(): ControlMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram<L>({ name, help, labelNames, buckets: seconds, registers });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames, registers });

  const compiles = histogram("weft_compile_duration_seconds", "Time to compile one key, by kind.", ["kind"]);
  const writes = histogram("weft_publish_duration_seconds", "Time of a write, by kind and action.", [
    "kind",
    "action",
  ]);
  const skips = counter("weft_publish_skipped_total", "Objects found unchanged and not written.", ["kind"]);
  const propagations = histogram(
    "weft_propagation_duration_seconds",
    "From a watch event to the end of the writes it led to, by what was compiled.",
    ["kind"],
  );
  const webhooks = histogram("weft_webhook_duration_seconds", "Time to answer an admission review.", [
    "path",
  ]);
  const reviews = counter("weft_webhook_reviews_total", "Admission reviews answered.", ["path", "allowed"]);
  const certificates = counter("weft_ca_requests_total", "Certificate requests, by outcome.", ["outcome"]);
  const signing = histogram("weft_ca_duration_seconds", "Time to answer a certificate request.", []);
  const tokens = counter("weft_ca_tokens_total", "Tokens judged, by how.", ["how"]);

  return {
    registry,
    kube: createKubeMetrics(registry),
    publish: {
      compiled: (kind, ms) => compiles.observe({ kind }, ms / 1000),
      written: (kind, action, ms) => writes.observe({ kind, action }, ms / 1000),
      skipped: (kind, count) => skips.inc({ kind }, count),
      propagated: (kind, ms) => propagations.observe({ kind }, ms / 1000),
    },
    webhook(path, allowed, ms) {
      webhooks.observe({ path }, ms / 1000);
      reviews.inc({ path, allowed: String(allowed) });
    },
    certificate(outcome, ms) {
      certificates.inc({ outcome });
      signing.observe({}, ms / 1000);
    },
    token: (how) => tokens.inc({ how }),
  };
}
