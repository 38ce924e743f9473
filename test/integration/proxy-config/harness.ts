/** An API server with the compiled kinds, a writer in control's place, and observers in the proxy's. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { customResourceDefinitions } from "../../../crds/index.ts";
import {
  type Client,
  createClient,
  isAlreadyExists,
  isNotFound,
  loadConfig,
  resources,
} from "../../../kube/index.ts";
import type { CompiledJson } from "../../../proxy/config/testdata.ts";
import { type ApiServer, startApiServer } from "../../support/api-server.ts";

const group = { group: "mesh.weft.dev", version: "v1alpha1", namespaced: true };
const kinds = {
  ServiceConfig: { ...group, kind: "ServiceConfig", plural: "serviceconfigs" },
  WorkloadConfig: { ...group, kind: "WorkloadConfig", plural: "workloadconfigs" },
};

/** One line that an observer printed. */
export interface Line {
  readonly event: string;
  readonly at: number;
  readonly [field: string]: unknown;
}

export interface Observer {
  readonly lines: readonly Line[];
  /** The first line, now or later, that passes; throws after 15 s with the last lines. */
  until(what: string, check: (line: Line) => boolean): Promise<Line>;
  send(command: string): void;
  /** Loads a host and waits until it is. */
  load(host: string): Promise<Line>;
  kill(): Promise<void>;
}

export interface Harness {
  readonly server: ApiServer;
  readonly client: Client;
  /** Creates or updates an object with its status; answers when the write was acknowledged. */
  write(object: CompiledJson): Promise<number>;
  remove(object: CompiledJson): Promise<void>;
  observe(namespace: string, workload: string, state?: string): Promise<Observer>;
  /** A folder of its own. */
  folder(): Promise<string>;
  close(): Promise<void>;
}

export async function startHarness(): Promise<Harness> {
  const server = await startApiServer();
  const client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), {
    userAgent: "weft-test/1",
  });
  for (const definition of customResourceDefinitions()) {
    if (definition.metadata.name.endsWith(".mesh.weft.dev"))
      await client.create(resources.customResourceDefinitions, { ...definition });
  }
  for (const { plural } of Object.values(kinds)) await served(client, plural);
  const root = await mkdtemp(join(tmpdir(), "weft-observer-"));
  const [tokenFile, caFile] = [join(root, "token"), join(root, "ca")];
  await Promise.all([writeFile(tokenFile, `${server.token}\n`), writeFile(caFile, server.ca)]);
  const observers = new Set<Observer>();
  const namespaces = new Set<string>();
  let folders = 0;

  const folder = async () => join(root, `state-${folders++}`);
  return {
    server,
    client,
    folder,
    async write({ status, ...object }) {
      const resource = kinds[object.kind];
      const { name, namespace } = object.metadata;
      if (!namespaces.has(namespace)) {
        namespaces.add(namespace);
        await client
          .create(resources.namespaces, { metadata: { name: namespace } })
          .catch((error: unknown) => {
            if (!isAlreadyExists(error)) throw error;
          });
      }
      const patch = () =>
        client.patch(resource, { namespace, name, type: "merge", body: { status }, subresource: "status" });
      await patch().catch(async (error: unknown) => {
        if (!isNotFound(error)) throw error;
        await client.create(resource, { ...object, spec: {} });
        await patch();
      });
      return Date.now();
    },
    remove: ({ kind, metadata }) =>
      client.delete(kinds[kind], { namespace: metadata.namespace, name: metadata.name }).then(() => {}),
    async observe(namespace, workload, state) {
      const observer = startObserver({
        API_URL: server.url,
        TOKEN_FILE: tokenFile,
        CA_FILE: caFile,
        STATE: state ?? (await folder()),
        WEFT_NAMESPACE: namespace,
        WEFT_WORKLOAD: workload,
      });
      observers.add(observer);
      await observer.until("the observer starts", ({ event }) => event === "started");
      return observer;
    },
    async close() {
      await Promise.all([...observers].map((observer) => observer.kill()));
      client.close();
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function startObserver(env: Record<string, string>): Observer {
  const bun = join(import.meta.dirname, "../../../node_modules/.bin/bun");
  const child: ChildProcess = spawn(bun, [join(import.meta.dirname, "observer.ts")], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const lines: Line[] = [];
  let wake = () => {};
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(JSON.parse(line) as Line);
      wake();
    });
  }
  const observer: Observer = {
    lines,
    async until(what, check) {
      const deadline = Date.now() + 15_000;
      for (let seen = 0; ; ) {
        for (; seen < lines.length; seen++) {
          const line = lines[seen];
          if (line !== undefined && check(line)) return line;
        }
        const left = deadline - Date.now();
        if (left <= 0) {
          const last = lines.slice(-5).map((line) => JSON.stringify(line));
          throw new Error(`not within 15 s: ${what}; the last lines:\n${last.join("\n")}`);
        }
        await Promise.race([new Promise<void>((done) => (wake = done)), sleep(Math.min(left, 250))]);
      }
    },
    send: (command) => void child.stdin?.write(`${command}\n`),
    load(host) {
      observer.send(`load ${host}`);
      return observer.until(
        `${host} is loaded`,
        (line) => (line.event === "loaded" || line.event === "failed") && line.host === host,
      );
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
  return observer;
}

/** A definition is served a moment after it is created. */
async function served(client: Client, plural: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await client.request("GET", `/apis/mesh.weft.dev/v1alpha1/${plural}`);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
