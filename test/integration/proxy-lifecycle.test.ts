import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { destination, endpoint, forward, subset, view, workloadObject } from "../../proxy/config/testdata.ts";
import { bunPath } from "../support/bun.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, listen, NOBODYS_PORT, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB, callsTo, webAt, webObjects } from "../support/web.ts";
import { TestAuthority } from "../support/workload-identity.ts";

/** What surrounds traffic: admin ports, probes, changes of configuration and of certificates under load, memory. */
const GET = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
const root = join(import.meta.dirname, "../..");

let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  one = await TestServer.start(application(() => ok("one")));
  two = await TestServer.start(application(() => ok("two")));
});
afterAll(async () => {
  await one?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
});

const at = (server: TestServer, version: string) => webAt(server.port, { labels: { version } });
const routed = (to: string) =>
  webObjects([at(one, "v1"), at(two, "v2")], {
    service: {
      common: view({
        http: [forward(destination("demo", "web", { subset: to }))],
        clusters: [subset(""), subset("v1"), subset("v2")],
      }),
    },
  });
const outboundFile = { ...CALLS_WEB, readiness: "127.0.0.1:0" };

describe("a change of configuration", () => {
  it("reaches the next request of an open connection, and fails none under load", async () => {
    await using proxy = await TestProxy.start({ file: outboundFile, objects: routed("v1") });
    using client = await TestClient.open(proxy.port("outbound"));
    expect(await client.send(GET).responses(1)).toContain("one");
    let failures = 0;
    let requests = 0;
    let loading = true;
    const load = (async () => {
      using loader = await TestClient.open(proxy.port("outbound"));
      // However slow the machine: enough of them for a failure to show.
      while (loading || requests <= 50) {
        const received = await loader.send(GET).responses(++requests);
        if (!/(one|two)$/.test(received)) failures++;
      }
    })();
    let responses = 1;
    for (const [to, body] of [
      ["v2", "two"],
      ["v1", "one"],
      ["v2", "two"],
    ] as const) {
      await proxy.configure(routed(to));
      await eventually(async () => (await client.send(GET).responses(++responses)).endsWith(body));
    }
    loading = false;
    await load;
    expect(failures).toBe(0);
    expect(await proxy.metric("weft_config_changes_total")).toBeGreaterThanOrEqual(4);
  });
});

describe("the admin ports", () => {
  it("answer readiness, metrics, the configuration in force, and the application's probes", async () => {
    const app = createServer((request, response) => {
      response.statusCode = request.url === "/live" ? 200 : 500;
      response.end(`${request.url} ${request.headers["x-probe"]}`);
    });
    const port = await listen(app);
    const httpHeaders = [{ name: "X-Probe", value: "yes" }];
    await using proxy = await TestProxy.start({
      file: {
        ...outboundFile,
        probes: {
          "/app-health/web/livez": { httpGet: { path: "/live", port, httpHeaders }, timeoutSeconds: 10 },
          "/app-health/web/readyz": { httpGet: { path: "/ready", port }, timeoutSeconds: 10 },
          "/app-health/web/startupz": { tcpSocket: { port }, timeoutSeconds: 10 },
          "/app-health/dead/livez": { tcpSocket: { port: NOBODYS_PORT }, timeoutSeconds: 10 },
        },
      },
      objects: routed("v1"),
    });
    const admin = `http://127.0.0.1:${proxy.port("admin")}`;
    const ask = async (path: string, init?: RequestInit) => {
      const response = await fetch(admin + path, init);
      return { status: response.status, body: await response.text() };
    };
    expect((await fetch(`http://127.0.0.1:${proxy.port("readiness")}/healthz/ready`)).status).toBe(200);
    expect(await ask("/app-health/web/livez")).toEqual({ status: 200, body: "/live yes" });
    expect((await ask("/app-health/web/readyz")).status).toBe(500);
    expect((await ask("/app-health/web/startupz")).status).toBe(200);
    expect((await ask("/app-health/dead/livez")).status).toBe(503);
    expect((await ask("/nowhere")).status).toBe(404);
    const dump = JSON.parse((await ask("/config_dump")).body) as {
      objects: { name: string; appliedAt: number }[];
    };
    expect(dump.objects.map(({ name }) => name)).toContain("ServiceConfig/demo/web.service.default");
    expect(Math.abs((dump.objects[0]?.appliedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect((await ask("/stats/prometheus")).body).toMatch(/^# HELP /);
    expect((await ask("/quitquitquit")).status).toBe(405);
    const ended = proxy.ended();
    expect((await ask("/quitquitquit", { method: "POST" })).status).toBe(200);
    expect(await ended).toBe(0);
    app.closeAllConnections();
    app.close();
  });

  it("say that a draining proxy is not ready", async () => {
    await using proxy = await TestProxy.start({ file: outboundFile, objects: routed("v1") });
    await fetch(`http://127.0.0.1:${proxy.port("admin")}/drain`, { method: "POST" });
    const ready = await fetch(`http://127.0.0.1:${proxy.port("readiness")}/healthz/ready`);
    expect(ready.status).toBe(503);
    // The application may still have last words.
    expect(await exchange(proxy.port("outbound"), GET)).toContain("connection: close");
  });
});

describe("the access log", () => {
  it("has a line for each request and each TCP connection once it is asked for", async () => {
    const target = webAt(one.port, {
      ports: [
        { port: 80, target: one.port },
        { port: 81, target: one.port },
      ],
    });
    const objects = (telemetry: { accessLog: boolean; accessLogEncoding?: "JSON" }) =>
      webObjects([target], {
        ports: [
          { port: 80, protocol: "http" },
          { port: 81, protocol: "tcp" },
        ],
        client: { telemetry },
      });
    await using proxy = await TestProxy.start({
      file: callsTo(80, 81),
      objects: objects({ accessLog: false }),
    });
    await exchange(proxy.port("outbound"), GET);
    await proxy.configure(objects({ accessLog: true }));
    await eventually(async () => (await proxy.metric("weft_config_changes_total")) === 2);
    await exchange(proxy.port("outbound"), "GET /logged HTTP/1.1\r\nHost: web\r\nUser-Agent: t\r\n\r\n");
    await exchange(proxy.port("outbound1"), GET);
    await eventually(() => proxy.output.split("\n").length === 3);
    const [http, opaque] = proxy.output.split("\n");
    expect(http).toMatch(
      /^\[\d{4}-.*Z\] "GET \/logged HTTP\/1\.1" 200 - - - "-" \d+ \d+ \d+ - "-" "t" "[0-9a-f-]{36}" "web" "127\.0\.0\.1:\d+" outbound\|80\|\|web\.demo\.svc\.cluster\.local - - 127\.0\.0\.1 - default$/,
    );
    expect(opaque).toMatch(
      /^\[.*\] "- - -" 0 - - - "-" 29 41 \d+ .* outbound\|81\|\|web\.demo\.svc\.cluster\.local - - 127\.0\.0\.1 - -$/,
    );
    await proxy.configure(objects({ accessLog: true, accessLogEncoding: "JSON" }));
    await eventually(async () => (await proxy.metric("weft_config_changes_total")) === 3);
    await exchange(proxy.port("outbound"), GET);
    await eventually(() => proxy.output.split("\n").length === 4);
    const entry: unknown = JSON.parse(proxy.output.split("\n")[2] ?? "");
    expect(entry).toMatchObject({ method: "GET", response_code: 200, authority: "web" });
  });
});

describe("a certificate", () => {
  it("is rotated without a connection or request lost", async () => {
    const authority = await TestAuthority.create();
    const server = await authority.issue("web");
    const host = "127.0.4.1";
    const app = await TestServer.start(
      application(() => ok("served")),
      host,
    );
    const meshed = endpoint(host, {
      ports: [{ port: 80, target: app.port }],
      mtls: true,
      identity: server.id,
    });
    await using inbound = await TestProxy.start({
      file: { mutual: `${host}:15008`, admin: "127.0.0.1:0" },
      identity: server,
      objects: [
        workloadObject("demo", "web", { ports: [{ port: app.port, protocol: "http", mtls: "STRICT" }] }),
      ],
    });

    await using outbound = await TestProxy.start({
      file: outboundFile,
      identity: await authority.issue("client"),
      objects: webObjects([meshed]),
    });
    let failures = 0;
    let requests = 0;
    let loading = true;
    const load = async (fresh: boolean) => {
      let client = await TestClient.open(outbound.port("outbound"));
      let responses = 0;
      while (loading) {
        if (fresh && responses === 20) {
          client[Symbol.dispose]();
          client = await TestClient.open(outbound.port("outbound"));
          responses = 0;
        }
        const received = await client.send(GET).responses(++responses);
        requests++;
        if (!received.endsWith("served")) failures++;
      }
      client[Symbol.dispose]();
    };
    const loads = [load(false), load(true), load(true)];
    try {
      for (let rotation = 1; rotation <= 3; rotation++) {
        const before = requests;
        await inbound.identify(await authority.issue("web"));
        await outbound.identify(await authority.issue("client"));
        await eventually(
          async () =>
            (await inbound.metric("weft_certificate_rotations_total")) === rotation && requests > before + 50,
          5_000,
          () => `rotation ${rotation}, ${requests} requests, ${failures} failures\n${inbound.log}`,
        );
      }
    } finally {
      loading = false;
      await Promise.all(loads);
    }
    expect(failures).toBe(0);
    expect(await outbound.metric("weft_dial_failures_total")).toBe(0);
    await app[Symbol.asyncDispose]();
  });
});

describe("weft-proxy wait", () => {
  const run = async (port: number, seconds: string) => {
    const child = spawn(
      bunPath(),
      [join(root, "proxy/main.ts"), "wait", "--port", String(port), "--timeout", seconds],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let stderr = "";
    child.stderr.on("data", (data) => {
      stderr += String(data);
    });
    const [code] = (await once(child, "exit")) as [number];
    return { code, stderr };
  };

  it("returns once the proxy is ready, also when it is not there yet", async () => {
    let ready = false;
    let asked = 0;
    const answer = () => {
      asked++;
      return ready
        ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        : "HTTP/1.1 503 No\r\ncontent-length: 18\r\n\r\nno certificate yet";
    };
    const server = await TestServer.start(application(answer));
    const { port } = server;
    await server[Symbol.asyncDispose]();
    const waiting = run(port, "10");
    await using late = await TestServer.start(application(answer), "127.0.0.1", port);
    expect(late.port).toBe(port);
    await eventually(() => asked > 3);
    ready = true;
    expect((await waiting).code).toBe(0);
  });

  it("says what was missing when it gives up", async () => {
    await using server = await TestServer.start(
      application(() => "HTTP/1.1 503 No\r\ncontent-length: 18\r\n\r\nno certificate yet"),
    );
    const { code, stderr } = await run(server.port, "0.3");
    expect(code).toBe(1);
    expect(stderr).toContain("no certificate yet");
  });
});

describe("weft-proxy", () => {
  const run = async (...args: string[]) => {
    const child = spawn(bunPath(), [join(root, "proxy/main.ts"), ...args], {
      env: {},
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        output += String(data);
      });
    }
    const [code] = (await once(child, "exit")) as [number];
    return { code, output };
  };

  it("says its version and its commands", async () => {
    expect(await run("--version")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    expect(await run("--help")).toMatchObject({ code: 0, output: expect.stringContaining("--config DIR") });
    expect(await run("nonsense")).toMatchObject({
      code: 2,
      output: expect.stringContaining("expected a command, found nonsense"),
    });
  });

  it("names what is missing when it does not run in a pod", async () => {
    const { code, output } = await run();
    expect(code).toBe(1);
    expect(output).toContain("WEFT_WORKLOAD: expected a value, found none");
    expect(output).toContain("--config DIR");
  });

  it("holds little memory when idle and does not grow with connections that come and go", async () => {
    await using proxy = await TestProxy.start({ file: outboundFile, objects: routed("v1") });
    const many = async (count: number) => {
      const eight = Array.from({ length: 8 }, async () => {
        for (let round = 0; round < count / 8; round++) {
          expect(statusOf(await exchange(proxy.port("outbound"), GET))).toBe(200);
        }
      });
      await Promise.all(eight);
    };
    await many(400);
    const before = proxy.anonymousMegabytes();
    await many(2_000);
    await eventually(async () => (await proxy.metric("weft_connections_open", { side: "outbound" })) === 0);
    // What has been garbage since is collected at rest: seconds later, or more on a busy machine.
    let grown = Number.POSITIVE_INFINITY;
    await eventually(
      () => {
        grown = proxy.anonymousMegabytes() - before;
        return grown < 8;
      },
      40_000,
      () => `it has grown by ${grown} MB; expected less than 8`,
    );
  });
});
