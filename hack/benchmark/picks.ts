/**
 * What choosing an endpoint costs, by algorithm and number of endpoints: nanoseconds a pick with outlier detection on, the first
 * pick, and the first after one endpoint has come for another.
 * Run: node_modules/bun/bin/bun.exe hack/benchmark/picks.ts
 */
import type { LoadBalancer, OutlierDetection } from "../../crds/service-config.ts";
import { Balancer } from "../../proxy/balance/balancer.ts";
import { type FakeEndpoint, fakeEndpoint, fakeEndpoints } from "../../proxy/balance/candidate.fake.ts";
import { Detector } from "../../proxy/outlier/detector.ts";

const PICKS = 1_000_000;
const outlierDetection: OutlierDetection = {
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
  httpErrorCodes: [],
};
const ring: LoadBalancer = { simple: "RANDOM", consistentHash: { algorithm: "RING_HASH", size: 1024 } };
const maglev: LoadBalancer = { simple: "RANDOM", consistentHash: { algorithm: "MAGLEV", size: 65_537 } };
const cases: readonly { readonly name: string; readonly policy: LoadBalancer; readonly weights?: number }[] =
  [
    { name: "LEAST_REQUEST", policy: { simple: "LEAST_REQUEST" } },
    { name: "ROUND_ROBIN", policy: { simple: "ROUND_ROBIN" } },
    { name: "ROUND_ROBIN, weights", policy: { simple: "ROUND_ROBIN" }, weights: 7 },
    { name: "RANDOM", policy: { simple: "RANDOM" } },
    { name: "RANDOM, weights", policy: { simple: "RANDOM" }, weights: 7 },
    { name: "RING_HASH", policy: ring },
    { name: "MAGLEV", policy: maglev },
  ];

function timed(run: () => void): number {
  const from = performance.now();
  run();
  return performance.now() - from;
}

function measure(policy: LoadBalancer, count: number, weights: number): string {
  const endpoints = fakeEndpoints(count);
  const health = new Detector(outlierDetection);
  for (const [i, endpoint] of endpoints.entries()) {
    endpoint.weight = 1 + (i % weights);
    endpoint.latency.succeeded(1 + Math.random() * 5, 0);
    health.watch();
  }
  const place = { locality: undefined, labels: {}, node: undefined };
  const make = (all: readonly FakeEndpoint[], former?: Balancer<FakeEndpoint>) =>
    new Balancer<FakeEndpoint>({ policy, endpoints: all, place, health, random: Math.random }, former);
  const balancer = make(endpoints);
  const picks = (many: number) => {
    for (let i = 0; i < many; i++) balancer.pick(i / 100, undefined, Math.imul(i, 0x9e3779b1) >>> 0);
  };
  const first = timed(() => picks(1));
  picks(PICKS / 5);
  const each = timed(() => picks(PICKS));
  const changed = make([...endpoints.slice(1), fakeEndpoint("new")], balancer);
  const change = timed(() => changed.pick(0, undefined, 1));
  const ns = ((each / PICKS) * 1e6).toFixed(0);
  return `${count}: ${ns} ns, first ${first.toFixed(1)} ms, changed ${change.toFixed(1)} ms`;
}

for (const { name, policy, weights = 1 } of cases) {
  const row = [10, 1_000, 10_000].map((count) => measure(policy, count, weights).padEnd(48));
  console.log(`${name.padEnd(22)}${row.join("")}`);
}
