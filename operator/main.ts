/** The operator's process: wires the parts to the cluster, and ends in order on SIGTERM. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { collectDefaultMetrics, Registry } from "prom-client";
import {
  createClient,
  createElection,
  createLog,
  createRateLimiter,
  createRecorder,
  type Level,
  loadConfig,
  systemClock,
} from "../kube/index.ts";
import { createKubeMetrics } from "../kube/metrics.ts";
import { runOperator } from "./controller.ts";
import { wantedDefinitions } from "./definitions.ts";
import { createHealthServer } from "./health.ts";
import { createOperatorMetrics } from "./metrics.ts";
import { fieldManager, operatorNamespace } from "./names.ts";
import { probeValidator } from "./webhook-probe.ts";

const { values: flags } = parseArgs({
  options: {
    kubeconfig: { type: "string" },
    /** Where /healthz, /readyz and /metrics are served. */
    port: { type: "string", default: "8080" },
  },
});
const { env } = process;
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const version = manifest.version;
const log = createLog({ level: env.WEFT_LOG_LEVEL as Level | undefined, fields: { component: "operator" } });
const clock = systemClock;
const namespace = env.WEFT_OPERATOR_NAMESPACE ?? operatorNamespace;

const registry = new Registry();
collectDefaultMetrics({ register: registry });
const kubeMetrics = createKubeMetrics(registry);
const metrics = createOperatorMetrics(registry, version);
const client = createClient(await loadConfig({ kubeconfig: flags.kubeconfig }), {
  userAgent: `${fieldManager}/${version}`,
  clock,
  limiter: createRateLimiter({ perSecond: 50, burst: 100, clock }),
  metrics: kubeMetrics,
});
const recorder = createRecorder({
  client,
  component: "weft.dev/operator",
  instance: env.POD_NAME ?? hostname(),
  log,
});
const definitions = wantedDefinitions();

const stop = new AbortController();
let isSynced = false;
/** Work that ends before its term would leave a leader that does nothing: the kubelet starts it anew. */
let hasFailed = false;
let working: Promise<void> = Promise.resolve();
const election = createElection({
  client,
  namespace,
  name: "weft-operator",
  identity: env.POD_NAME ?? hostname(),
  clock,
  log,
  metrics: kubeMetrics,
  onStarted(term) {
    // A term begins when the work of the one before has ended: two never overlap, even in one process.
    working = working
      .then(() =>
        runOperator(
          {
            client,
            definitions,
            images: {
              control: env.WEFT_CONTROL_IMAGE ?? "weft.dev/operator:dev",
              proxy: env.WEFT_PROXY_IMAGE ?? "weft.dev/proxy:dev",
            },
            version,
            operatorNamespace: namespace,
            probe: (installation, signal) => probeValidator(client, installation, signal),
            recorder,
            metrics,
            kubeMetrics,
            clock,
            random: Math.random,
            log,
          },
          term,
          () => {
            isSynced = true;
          },
        ),
      )
      .catch((error: unknown) => {
        hasFailed = true;
        log.error("the operator's work ended", { error });
      });
  },
  onStopped() {
    isSynced = false;
  },
});

const health = createHealthServer({
  isAlive: () => !hasFailed,
  // A replica in reserve is ready to take over.
  isReady: () => !election.isLeader() || isSynced,
  registry,
});
health.listen(Number(flags.port));
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());

log.info("operator starts", { version, namespace });
await election.run(stop.signal);
await working;
await recorder.flush();
health.close();
health.closeAllConnections();
client.close();
log.info("operator ends");
