/** The control plane's process: environment and signals in, one replica of control out. */
import { hostname } from "node:os";
import { createClient, createLog, type Level, loadConfig, systemClock } from "../kube/index.ts";
import { createCompiler } from "./compile/index.ts";
import { startControl } from "./control.ts";
import { createControlMetrics } from "./metrics.ts";
import { defaultPorts } from "./server.ts";

/** Endpoints leave kube-proxy's tables on every node within this time after the pod has begun to end. */
const lingerMs = 5_000;

const { env } = process;
const log = createLog({ level: (env.WEFT_LOG_LEVEL as Level | undefined) ?? "info" });
const metrics = createControlMetrics();
const client = createClient(await loadConfig(), { userAgent: "weft-control", metrics: metrics.kube });

const control = await startControl({
  client,
  createCompiler,
  revision: env.WEFT_REVISION ?? "default",
  namespace: env.WEFT_NAMESPACE ?? "istio-system",
  identity: env.POD_NAME ?? hostname(),
  ports: defaultPorts,
  ...(env.WEFT_LISTEN === undefined ? {} : { host: env.WEFT_LISTEN }),
  meshFile: env.WEFT_MESH_FILE ?? "/etc/weft/mesh/mesh.json",
  caFolder: env.WEFT_CA_FOLDER ?? "/etc/weft/ca",
  clock: systemClock,
  random: Math.random,
  log,
  metrics,
});
log.info("control has started", { ports: control.ports });

let stopping: Promise<void> | undefined;
const stop = (signal: string) => {
  log.info("stopping", { signal });
  stopping ??= control.stop(signal === "SIGINT" ? 0 : lingerMs);
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

try {
  await control.done;
  await stopping;
  process.exitCode = 0;
} catch (error) {
  log.error("control cannot go on", { error });
  process.exitCode = 1;
  await control.stop(0);
}
