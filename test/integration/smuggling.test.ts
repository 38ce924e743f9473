import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exchange, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { listen, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";
import { corpus } from "./smuggling/corpus.ts";

/** Weft in front of servers that parse for themselves. Each answers with the path that it was asked for, and nothing else. */
interface Backend extends AsyncDisposable {
  readonly port: number;
}

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  nginx: () => started(nginx),
  HAProxy: () => started(haproxy),
  Node: async () => {
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => response.end(`path=${request.url};`));
    });
    return {
      port: await listen(server),
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
      },
    };
  },
};

describe.each(Object.keys(backends))("in front of %s", (name) => {
  let backend: Backend;
  let proxy: TestProxy;
  let port: number;

  beforeAll(async () => {
    backend = await (backends[name] as () => Promise<Backend>)();
    proxy = await TestProxy.start({
      file: CALLS_WEB,
      objects: webObjects([webAt(backend.port)]),
    });
    port = proxy.port("outbound");
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  it.each(corpus)("$name", async ({ bytes, serves }) => {
    using client = await TestClient.open(port);
    client.send(bytes);
    if (serves.length === 0) {
      await client.closed();
      expect(client.received).toMatch(/^HTTP\/1\.1 4\d\d |^HTTP\/1\.1 501 |^$/);
    } else {
      await client.until((received) => paths(received).length >= serves.length);
    }
    expect(paths(client.received)).toEqual(serves);
    // What the next ones get on the endpoint's connection is theirs.
    for (const victim of ["/victim-1", "/victim-2"]) {
      const answer = await exchange(port, `GET ${victim} HTTP/1.1\r\nHost: web\r\n\r\n`);
      expect(paths(answer)).toEqual([victim]);
    }
  });
});

/** The paths that the application was asked for, as its answers say. */
function paths(received: string): string[] {
  return [...received.matchAll(/path=([^;]*);/g)].map(([, path = ""]) => path);
}

type Configured = (
  folder: string,
  port: number,
) => { readonly file: string; readonly args: readonly string[]; readonly text: string };

const nginx: Configured = (folder, port) => ({
  file: "nginx",
  args: ["-p", folder, "-e", join(folder, "error.log"), "-c", join(folder, "config")],
  text: `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1; master_process off;
events {}
http {
  access_log off; client_body_temp_path ${folder}/body;
  server { listen 127.0.0.1:${port}; location / { return 200 "path=$request_uri;"; } }
}
`,
});

const haproxy: Configured = (folder, port) => ({
  file: "haproxy",
  args: ["-db", "-f", join(folder, "config")],
  text: `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
frontend f
  bind 127.0.0.1:${port}
  http-request wait-for-body time 2s
  http-request return status 200 content-type text/plain lf-string "path=%[path];"
`,
});

/** Starts a server on a free port; waits until it listens. */
async function started(configure: Configured): Promise<Backend> {
  const free = await TestServer.start(() => {});
  await free[Symbol.asyncDispose]();
  const folder = await mkdtemp(join(tmpdir(), "weft-backend-"));
  await mkdir(join(folder, "body"));
  const { file, args, text } = configure(folder, free.port);
  await writeFile(join(folder, "config"), text);
  const log: string[] = [];
  const child: ChildProcess = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => log.push(text));
  child.on("error", (error) => log.push(String(error)));
  await eventually(
    async () => {
      using client = await TestClient.open(free.port);
      return client.ended === "open";
    },
    5_000,
    () => `${file}: ${log.join("")}`,
  );
  return {
    port: free.port,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill("SIGKILL");
        await exit;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
