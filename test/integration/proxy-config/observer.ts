/**
 * A proxy's configuration alone, in Bun, as a process of its own: prints a JSON line for each view, with the endpoints behind
 * the hosts named, and takes commands on its input: `load HOST PORT`, `memory`, `close`.
 */

import { heapStats } from "bun:jsc";
import { createInterface } from "node:readline";
import { createApi } from "../../../proxy/config/api/api.ts";
import { systemClock } from "../../../proxy/config/clock.ts";
import { createLastGoodStore } from "../../../proxy/config/last-good.ts";
import type { Log } from "../../../proxy/config/log.ts";
import { startKubernetesSource } from "../../../proxy/config/source.ts";
import type { MeshView } from "../../../proxy/config/view.ts";

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`expected ${name} in the environment`);
  return value;
};
const print = (line: object) => process.stdout.write(`${JSON.stringify({ ...line, at: Date.now() })}\n`);
const log: Log = (level, message, fields) => print({ event: "log", level, message, ...fields });
const watched = new Set<string>();

/** Addresses and weights behind each host that was loaded. */
function behind(view: MeshView | undefined): Record<string, string> {
  const request = {
    method: "GET",
    path: "/",
    authority: "",
    scheme: "http",
    port: 80,
    header: () => undefined,
  };
  return Object.fromEntries(
    [...watched].map((host) => {
      const target = view?.targetByHost(host, 80);
      if (target?.loaded !== true) return [host, "not loaded"];
      const result = target.route(request);
      if (result.kind !== "forward") return [host, result.kind];
      return [host, result.cluster.endpoints.map(({ address, weight }) => `${address}*${weight}`).join()];
    }),
  );
}

const source = await startKubernetesSource({
  api: createApi({ url: env("API_URL"), tokenFile: env("TOKEN_FILE"), caFile: env("CA_FILE") }),
  revision: "default",
  namespace: env("WEFT_NAMESPACE"),
  workload: env("WEFT_WORKLOAD"),
  labels: {},
  clusterDomain: "cluster.local",
  lastGood: createLastGoodStore(env("STATE"), systemClock, log),
  clock: systemClock,
  random: Math.random,
  resolve: async () => [],
  log,
});
const show = () =>
  print({
    event: "view",
    ready: source.ready(),
    behind: behind(source.view()),
    mtls: source.view()?.inbound(1).mtls,
    objects: source.dump().objects.length,
  });
source.onChange(show);
print({ event: "started", ready: source.ready() });
if (source.ready()) show();

const commands: Record<string, (host: string, port: string) => void | Promise<void>> = {
  load(host, port) {
    const started = performance.now();
    const target = source.view()?.targetByHost(host, Number(port));
    const loading = target?.load() ?? Promise.reject(new Error("the index has no such host"));
    loading.then(
      () => {
        watched.add(host);
        print({ event: "loaded", host, ms: performance.now() - started, behind: behind(source.view()) });
      },
      (error: unknown) => print({ event: "failed", host, error: String(error) }),
    );
  },
  async memory() {
    // By then the last-good file is written. What one round lets go of, the next one frees; code goes as soon as nothing runs.
    for (let round = 0; round < 10; round++) {
      Bun.gc(true);
      Bun.shrink();
      await Bun.sleep(250);
    }
    print({ event: "memory", bytes: heapStats().heapSize });
  },
  close: () => void source.close().then(() => process.exit(0)),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [command = "", host = "", port = "80"] = line.split(" ");
  await commands[command]?.(host, port);
}
