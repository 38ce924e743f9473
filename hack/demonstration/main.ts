import { apply, type CallSummary, call, eventually, get, kubectl, tryApply } from "../../test/support/e2e.ts";
import { canary, peerAuthentication, subsets } from "../../test/support/mesh.ts";
import { anonymousMemory, appliedAt, proxies } from "./proxies.ts";
import { type Row, table } from "./rows.ts";
import { example, inside, outside, setTheScene } from "./scene.ts";

const started = Number(process.env.WEFT_STARTED ?? Date.now() / 1000) * 1000;
const json = process.argv.includes("json");
const payment = "http://payment-service:8080/";
const rows: Row[] = [];

function step(message: string): void {
  const seconds = Math.floor((Date.now() - started) / 1000);
  console.error(`[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}] ${message}`);
}

const split = (summary: CallSummary) => `v1 ${summary.byVersion.v1 ?? 0}, v2 ${summary.byVersion.v2 ?? 0}`;
const outcomes = (summary: CallSummary) =>
  Object.entries({ ...summary.byStatus, ...summary.errors })
    .map(([what, count]) => `${count} × ${what}`)
    .join(", ");

/** Requests to v2 out of `count` at `weight` per cent must lie within five standard deviations. */
function withinChance(v2: number, count: number, weight: number): boolean {
  const share = weight / 100;
  return Math.abs(v2 - count * share) <= 5 * Math.sqrt(count * share * (1 - share));
}

/** Waits until a call has the outcome, then returns it; after 15 s the last one, whatever it was. */
async function settle(
  attempt: () => Promise<CallSummary>,
  good: (summary: CallSummary) => boolean,
): Promise<CallSummary> {
  let last = await attempt();
  const end = Date.now() + 15_000;
  while (!good(last) && Date.now() < end) last = await attempt();
  return last;
}

async function canarySplit(): Promise<void> {
  step("canary: 90/10, and x-canary to v2");
  await apply(subsets(inside), canary(inside, 10));
  const marked = await settle(
    () => call(inside, "deploy/order-service", payment, { count: 200, headers: { "x-canary": "true" } }),
    (s) => s.byVersion.v2 === 200,
  );
  rows.push({
    name: `x-canary: "true"`,
    expected: "all of 200 to v2",
    measured: split(marked),
    ok: marked.byVersion.v2 === 200,
  });
  const normal = await call(inside, "deploy/order-service", payment, { count: 2000, concurrency: 4 });
  const v2 = normal.byVersion.v2 ?? 0;
  rows.push({
    name: "canary 90/10",
    expected: "2000 answered, 133 to 267 by v2",
    measured: split(normal),
    ok: normal.ok === 2000 && withinChance(v2, 2000, 10),
  });
}

async function progression(): Promise<void> {
  for (const weight of [5, 25, 50, 100]) {
    step(`progression: ${weight} per cent to v2`);
    await apply(canary(inside, weight));
    const applied = Date.now();
    const { metadata } = await get<{ metadata: { generation: number } }>([
      "virtualservice",
      "payment-service",
      "-n",
      inside,
    ]);
    const generation = `VirtualService/${inside}/payment-service@${metadata.generation}`;
    const callers = (await proxies(inside)).filter((proxy) => proxy.pod.startsWith("order-service"));
    const arrived = await Promise.all(
      callers.map((proxy) =>
        eventually(`${generation} in ${proxy.pod}`, () => appliedAt(proxy, generation), {
          timeoutMs: 10_000,
          everyMs: 20,
        }),
      ),
    );
    const lag = Math.max(0, Math.max(...arrived) - applied);
    const summary = await call(inside, "deploy/order-service", payment, { count: 1000, concurrency: 4 });
    rows.push({
      name: `progression ${weight} %`,
      expected: "1000 answered; in the proxies within 250 ms",
      measured: `${split(summary)}; ${lag.toFixed(0)} ms after apply`,
      ok:
        summary.ok === 1000 &&
        withinChance(summary.byVersion.v2 ?? 0, 1000, weight) &&
        lag <= 250 &&
        arrived.length > 0,
    });
  }
}

async function mutualTls(): Promise<void> {
  step("mTLS: PERMISSIVE serves the outsider, STRICT refuses it");
  const fromOutside = () =>
    call(outside, "deploy/outsider", `http://payment-service.${inside}:8080/`, { count: 20 });
  const permissive = await settle(fromOutside, (s) => s.ok === 20);
  rows.push({
    name: "PERMISSIVE, a caller outside the mesh",
    expected: "20 × 200",
    measured: outcomes(permissive),
    ok: permissive.ok === 20,
  });
  await apply(peerAuthentication(inside, "STRICT"));
  const strict = await settle(fromOutside, (s) => s.ok === 0);
  rows.push({
    name: "STRICT, a caller outside the mesh",
    expected: "0 of 20 served",
    measured: outcomes(strict),
    ok: strict.ok === 0,
  });
  const member = await call(inside, "deploy/order-service", payment, { count: 20 });
  rows.push({
    name: "STRICT, a caller in the mesh",
    expected: "20 × 200",
    measured: outcomes(member),
    ok: member.ok === 20,
  });
}

async function authorization(): Promise<void> {
  step("AuthorizationPolicy payment-policy of examples/overview.yaml");
  await apply(example("AuthorizationPolicy", "payment-policy"));
  const cases = [
    { who: "order-service", method: "POST", path: "api/v1/charge", status: 200 },
    { who: "order-service", method: "GET", path: "api/v1/charge", status: 403 },
    { who: "order-service", method: "POST", path: "api/v1/refund", status: 403 },
    { who: "refund-service", method: "POST", path: "api/v1/refund", status: 200 },
    { who: "storefront", method: "POST", path: "api/v1/charge", status: 403 },
  ];
  for (const { who, method, path, status } of cases) {
    const summary = await settle(
      () => call(inside, `deploy/${who}`, payment + path, { count: 10, method }),
      (s) => s.byStatus[status] === 10,
    );
    rows.push({
      name: `${who} ${method} /${path}`,
      expected: `10 × ${status}`,
      measured: outcomes(summary),
      ok: summary.byStatus[status] === 10,
    });
  }
  await kubectl(["delete", "authorizationpolicy", "payment-policy", "-n", inside]);
}

async function badWeights(): Promise<void> {
  step("kubectl apply of weights that cannot work");
  const output = await tryApply(canary(inside, 150));
  rows.push({
    name: "kubectl apply of weights -50 and 150",
    expected: "refused, naming the field and the value",
    measured: output.code === 0 ? "admitted" : "refused, see below",
    ok:
      output.code !== 0 &&
      output.stderr.includes("spec.http[1].route[0].weight") &&
      output.stderr.includes("-50"),
  });
  refusal = output.stderr.trim();
}
let refusal = "";

async function memory(): Promise<void> {
  step("memory of the sidecars");
  const sizes = async () =>
    (await Promise.all((await proxies(inside)).map((proxy) => anonymousMemory(proxy.container)))).map(
      (bytes) => bytes / 1e6,
    );
  const largest = Math.max(...(await sizes()));
  let idle = Number.POSITIVE_INFINITY;
  // One that has just been asked rests seconds later; one that never does is told below.
  const rests = async () => {
    idle = Math.min(...(await sizes()));
    return idle <= 10;
  };
  await eventually("a sidecar at rest", rests, { timeoutMs: 30_000 }).catch(() => undefined);
  rows.push({
    name: "a sidecar's anonymous memory",
    expected: "at most 10 MB idle, 64 MB after the load",
    measured: `${idle.toFixed(1)} to ${largest.toFixed(1)} MB`,
    ok: idle <= 10 && largest <= 64,
  });
}

async function latency(): Promise<void> {
  step("latency at 200 requests a second, beside the same call without the mesh");
  const options = { count: 2000, rate: 200, concurrency: 4 };
  const url = (namespace: string) => `http://payment-service.${namespace}:8080/`;
  await call(inside, "deploy/order-service", url(inside), { count: 500, concurrency: 4 });
  await call(outside, "deploy/outsider", url(outside), { count: 500, concurrency: 4 });
  const plain = await call(outside, "deploy/outsider", url(outside), options);
  const meshed = await call(inside, "deploy/order-service", url(inside), options);
  const added = (at: "p50" | "p99") => (meshed.latency_ms[at] - plain.latency_ms[at]).toFixed(2);
  rows.push({
    name: "latency that two proxies add",
    expected: "2000 answered",
    measured: `p50 +${added("p50")} ms (${plain.latency_ms.p50.toFixed(2)} without), p99 +${added("p99")} ms (${plain.latency_ms.p99.toFixed(2)} without)`,
    ok: meshed.ok === 2000 && plain.ok === 2000,
  });
}

step("the application: storefront, order-service, payment-service v1 and v2; an outsider");
await setTheScene();
await canarySplit();
await progression();
await mutualTls();
await authorization();
await badWeights();
await memory();
await latency();

if (json) {
  console.log(JSON.stringify({ rows, refusal }, null, 2));
} else {
  console.log(
    `\n${table(rows, process.stdout.isTTY === true)}\n\nWhat kubectl said of the bad weights:\n${refusal}\n`,
  );
  console.log(`The cluster is up. Try:
  hack/kubectl get meshinstallation,serviceconfigs -A
  hack/kubectl get pods -n ${inside}
  hack/kubectl logs -n ${inside} deploy/order-service -c istio-proxy
  hack/kubectl edit virtualservice payment-service -n ${inside}
  hack/kubectl exec -n ${inside} deploy/order-service -c app -- app call --url ${payment} --count 1000
  hack/demo down`);
}
process.exitCode = rows.every((row) => row.ok) ? 0 : 1;
