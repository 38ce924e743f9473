/**
 * How long compiling takes: everything in a cluster of SERVICES services (default 1,000), and what one change costs.
 * Run: node hack/benchmark/compile.ts [SERVICES]
 */
import { createCompiler } from "../../control/compile/index.ts";
import type { Change, Inputs, Snapshot } from "../../control/compile/inputs.ts";
import { defaultSettings } from "../../control/compile/inputs.ts";

const count = Number(process.argv[2] ?? 1000);
const podsPerService = 10;
const namespaceOf = (i: number) => `ns-${i % 20}`;

function virtualService(i: number, weight: number): Inputs["VirtualService"] {
  const host = `svc-${i}`;
  return {
    metadata: { name: host, namespace: namespaceOf(i), generation: weight },
    spec: {
      hosts: [host],
      http: [
        {
          match: [{ headers: { "x-canary": { exact: "true" } } }],
          route: [{ destination: { host, subset: "v2" } }],
        },
        {
          route: [
            { destination: { host, subset: "v1" }, weight: 100 - weight },
            { destination: { host, subset: "v2" }, weight },
          ],
        },
      ],
    },
  };
}

function slice(i: number, ready: (pod: number) => boolean): Inputs["EndpointSlice"] {
  return {
    metadata: {
      name: `svc-${i}-x`,
      namespace: namespaceOf(i),
      labels: { "kubernetes.io/service-name": `svc-${i}` },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: Array.from({ length: podsPerService }, (_, p) => ({
      addresses: [`10.${i >> 8}.${i & 255}.${p}`],
      conditions: { ready: ready(p) },
      targetRef: { kind: "Pod", name: `svc-${i}-${p}`, namespace: namespaceOf(i) },
    })),
  };
}

function cluster(): Snapshot {
  const snapshot = {
    Service: new Map<string, Inputs["Service"]>(),
    EndpointSlice: new Map<string, Inputs["EndpointSlice"]>(),
    Pod: new Map<string, Inputs["Pod"]>(),
    VirtualService: new Map<string, Inputs["VirtualService"]>(),
    DestinationRule: new Map<string, Inputs["DestinationRule"]>(),
  };
  for (let i = 0; i < count; i++) {
    const namespace = namespaceOf(i);
    const name = `svc-${i}`;
    const key = `${namespace}/${name}`;
    snapshot.Service.set(key, {
      metadata: { name, namespace },
      spec: {
        clusterIPs: [`10.96.${i >> 8}.${i & 255}`],
        selector: { app: name },
        ports: [{ name: "http", port: 80, targetPort: 8080 }],
      },
    });
    snapshot.EndpointSlice.set(
      `${key}-x`,
      slice(i, () => true),
    );
    for (let p = 0; p < podsPerService; p++)
      snapshot.Pod.set(`${key}-${p}`, {
        metadata: {
          name: `${name}-${p}`,
          namespace,
          labels: { app: name, version: p === 0 ? "v2" : "v1" },
          annotations: { "sidecar.istio.io/status": "{}", "mesh.weft.dev/workload": `Deployment/${name}` },
        },
      });
    snapshot.VirtualService.set(key, virtualService(i, 10));
    snapshot.DestinationRule.set(key, {
      metadata: { name, namespace, generation: 1 },
      spec: {
        host: name,
        subsets: [
          { name: "v1", labels: { version: "v1" } },
          { name: "v2", labels: { version: "v2" } },
        ],
      },
    });
  }
  return snapshot;
}

function timed<T>(run: () => T): { ms: number; value: T } {
  const start = performance.now();
  const value = run();
  return { ms: performance.now() - start, value };
}

const compiler = createCompiler(defaultSettings);
const snapshot = cluster();
const load = timed(() => compiler.load(snapshot));
const full = timed(() => compiler.compile());
const again = timed(() => compiler.compile());
console.log(`${count} services, ${count * podsPerService} pods: ${full.value.length} objects`);
console.log(`load                      ${load.ms.toFixed(1)} ms`);
console.log(`compile everything        ${full.ms.toFixed(1)} ms, again ${again.ms.toFixed(1)} ms`);

/** Milliseconds from a change to the objects to publish, p50 and p99 of many. */
function changes(title: string, changeOf: (i: number) => Change): void {
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const change = changeOf(i);
    const { ms } = timed(() => {
      const { services, workloads, indexes } = compiler.affected(change);
      for (const key of services) compiler.compileService(key);
      for (const key of workloads) compiler.compileWorkload(key);
      for (const namespace of indexes) compiler.compileIndex(namespace);
    });
    times.push(ms);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(`${title.padEnd(26)}p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(0.999)} ms`);
}

const some = (i: number) => (i * 7) % count;
changes("one VirtualService", (i) => ({
  kind: "VirtualService",
  key: `${namespaceOf(some(i))}/svc-${some(i)}`,
  object: virtualService(some(i), i % 100),
}));
changes("one EndpointSlice", (i) => ({
  kind: "EndpointSlice",
  key: `${namespaceOf(some(i))}/svc-${some(i)}-x`,
  object: slice(some(i), (p) => p !== i % podsPerService),
}));
changes("one Service", (i) => ({
  kind: "Service",
  key: `${namespaceOf(some(i))}/svc-${some(i)}`,
  object: {
    metadata: { name: `svc-${some(i)}`, namespace: namespaceOf(some(i)) },
    spec: {
      selector: { app: `svc-${some(i)}` },
      ports: [{ name: "http", port: 80 + (i % 5), targetPort: 8080 }],
    },
  },
}));
changes("one pod", (i) => ({
  kind: "Pod",
  key: `${namespaceOf(some(i))}/svc-${some(i)}-0`,
  object: {
    metadata: {
      name: `svc-${some(i)}-0`,
      namespace: namespaceOf(some(i)),
      labels: { app: `svc-${some(i)}`, version: `v${i % 3}` },
      annotations: { "sidecar.istio.io/status": "{}", "mesh.weft.dev/workload": `Deployment/svc-${some(i)}` },
    },
  },
}));
