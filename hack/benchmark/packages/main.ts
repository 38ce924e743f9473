/**
 * What a Kubernetes client library costs: resident memory and time of its import, and TCP connections that 30
 * sequential requests open, against a plain HTTP server that counts them. Run by `hack/benchmark/packages/run`, which
 * installs the packages beside the cache, outside the repository.
 */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";

const folder = process.argv[2];
if (folder === undefined)
  throw new Error("usage: main.ts FOLDER  (a folder whose node_modules hold the packages)");

interface Row {
  package: string;
  "import RSS MB": string;
  "import ms": string;
  "connections for 30 lists": string;
}

/** Runs `code` in a fresh Node and returns what it prints as JSON. */
function inFreshNode(code: string, cwd: string, env: Record<string, string> = {}): Record<string, number> {
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", code], {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return JSON.parse(out) as Record<string, number>;
}

function importCost(specifier: string, cwd: string): { rss: number; ms: number } {
  const runs = Array.from({ length: 5 }, () =>
    inFreshNode(
      `const before = process.memoryUsage.rss(); const t = performance.now();
       await import(${JSON.stringify(specifier)});
       console.log(JSON.stringify({ rss: (process.memoryUsage.rss() - before) / 1e6, ms: performance.now() - t }));`,
      cwd,
    ),
  );
  const median = (key: string) => runs.map((r) => r[key] ?? 0).sort((a, b) => a - b)[2] ?? 0;
  return { rss: median("rss"), ms: median("ms") };
}

/** Counts the connections that a server sees while `client` makes 30 requests to it, one after another. */
async function connections(client: (port: number) => Promise<void>): Promise<number> {
  let opened = 0;
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items: [] }));
  }).on("connection", () => {
    opened += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  await client(address.port);
  server.closeAllConnections();
  server.close();
  return opened;
}

async function clientNode(port: number): Promise<void> {
  const { promisify } = await import("node:util");
  const { execFile } = await import("node:child_process");
  const code = `import { KubeConfig, CoreV1Api } from "@kubernetes/client-node";
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "c", server: "http://127.0.0.1:${port}", skipTLSVerify: true }, { name: "u" });
    const api = config.makeApiClient(CoreV1Api);
    for (let i = 0; i < 30; i++) await api.listNamespacedPod({ namespace: "default" });
    process.exit(0);`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], { cwd: folder });
}

async function ours(port: number): Promise<void> {
  const { createClient } = await import("../../../kube/index.ts");
  const client = createClient(
    { server: `http://127.0.0.1:${port}`, namespace: "default" },
    { userAgent: "bench" },
  );
  for (let i = 0; i < 30; i++) {
    await client.list({ group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true }, {});
  }
  client.close();
}

const here = join(import.meta.dirname, "../../..");
const rows: Row[] = [];
for (const [name, specifier, cwd, use] of [
  ["@kubernetes/client-node 2.0.1", "@kubernetes/client-node", folder, clientNode],
  ["@dot-i/k8s-operator 1.3.9", "@dot-i/k8s-operator", folder, undefined],
  ["@kubernetes-models/base 6.0.1", "@kubernetes-models/base", folder, undefined],
  ["kube/ (ours)", join(here, "kube/index.ts"), here, ours],
] as const) {
  const cost = importCost(specifier, cwd);
  rows.push({
    package: name,
    "import RSS MB": cost.rss.toFixed(0),
    "import ms": cost.ms.toFixed(0),
    "connections for 30 lists": use === undefined ? "–" : String(await connections(use)),
  });
}
console.table(rows);
