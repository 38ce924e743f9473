import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { CertificateReport } from "./certificates/report.ts";
import { createHealthServer } from "./health.ts";
import { createOperatorMetrics } from "./metrics.ts";

const condition = (type: string, status: "True" | "False" | "Unknown") => ({
  type,
  status,
  reason: "R",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const samples = async (registry: Registry) =>
  (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));

describe("the operator's metrics", () => {
  it("have these names and values, and those of an installation go with it", async () => {
    const registry = new Registry();
    const metrics = createOperatorMetrics(registry, "0.1.0");
    metrics.driftCorrected("Service");
    metrics.applied("Service");
    metrics.statusWritten();
    metrics.certificates("a", { intermediateEnd: 5_000, rootEnd: 9_000 } as CertificateReport);
    metrics.conditions("a", { conditions: [condition("Ready", "True"), condition("Reconciled", "Unknown")] });
    metrics.blockedBy("a", 4);
    expect((await samples(registry)).sort()).toEqual(
      [
        'weft_operator_info{version="0.1.0"} 1',
        'weft_operator_drift_corrections_total{kind="Service"} 1',
        'weft_operator_applies_total{kind="Service"} 1',
        "weft_operator_status_writes_total 1",
        'weft_operator_certificate_end_timestamp_seconds{installation="a",certificate="root"} 9',
        'weft_operator_certificate_end_timestamp_seconds{installation="a",certificate="intermediate"} 5',
        'weft_operator_condition{installation="a",type="Ready"} 1',
        'weft_operator_condition{installation="a",type="Reconciled"} -1',
        'weft_operator_deletion_blocking_pods{installation="a"} 4',
      ].sort(),
    );
    metrics.forget("a");
    expect((await samples(registry)).filter((line) => line.includes('installation="a"'))).toEqual([]);
  });
});

describe("the health server", () => {
  it("answers for life, readiness and metrics, and nothing else", async () => {
    const state = { alive: true, ready: false };
    const registry = new Registry();
    createOperatorMetrics(registry, "0.1.0");
    const server = createHealthServer({ isAlive: () => state.alive, isReady: () => state.ready, registry });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const ask = async (path: string, method = "GET") => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
    };
    expect((await ask("/healthz")).status).toBe(200);
    expect((await ask("/readyz?verbose")).status).toBe(503);
    state.ready = true;
    state.alive = false;
    expect((await ask("/readyz")).status).toBe(200);
    expect((await ask("/healthz")).status).toBe(503);
    const scraped = await ask("/metrics");
    expect(scraped.text).toContain("weft_operator_info");
    expect(scraped.type).toContain("text/plain; version=0.0.4");
    expect((await ask("/")).status).toBe(404);
    expect((await ask("/healthz", "POST")).status).toBe(405);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
});
