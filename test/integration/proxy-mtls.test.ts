import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { objects as manifests, snapshotOf } from "../../control/compile/cluster.fake.ts";
import { compile } from "../../control/compile/compile.ts";
import { defaultSettings } from "../../control/compile/inputs.ts";
import type { Endpoint } from "../../crds/service-config.ts";
import { type CompiledJson, endpoint, workloadObject } from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, type Respond, TestServer } from "../support/server.ts";
import { callsTo, inFrontOf, webObjects } from "../support/web.ts";
import { connectAs, expired, TestAuthority, type TestIdentity } from "../support/workload-identity.ts";

/**
 * A client's proxy and a server's, with mutual TLS between them. The server's must listen on 15008, as that is what proxies
 * dial; each has a loopback address of its own.
 */
const serverAddress = "127.0.3.1";
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";
const requests: string[] = [];
let answer: Respond = () => ok("hello");
let authority: TestAuthority;
let serverIdentity: TestIdentity;
let app: TestServer;
let echo: TestServer;
let server: TestProxy;
const clients: TestProxy[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
  serverIdentity = await authority.issue("web");
  app = await TestServer.start(
    application((request, socket) => answer(request, socket), requests),
    serverAddress,
  );
  echo = await TestServer.start((socket) => socket.pipe(socket), serverAddress);
  server = await startServer(serverIdentity);
});
afterAll(async () => {
  for (const each of [...clients, server, app, echo]) await each?.[Symbol.asyncDispose]();
});
afterEach(() => {
  requests.length = 0;
  answer = () => ok("hello");
});

function startServer(identity: TestIdentity, mtls: "STRICT" | "PERMISSIVE" = "STRICT"): Promise<TestProxy> {
  return TestProxy.start({
    file: { mutual: `${serverAddress}:15008`, ...inFrontOf(app.port, serverAddress) },
    identity,
    objects: serverObjects(mtls),
  });
}

function serverObjects(mtls: "STRICT" | "PERMISSIVE") {
  const web = "web.demo.svc.cluster.local";
  return [
    workloadObject("demo", "web", {
      mtls,
      ports: [
        { port: app.port, protocol: "http", mtls, service: web },
        { port: echo.port, protocol: "tcp", mtls, service: web },
      ],
      authorization: [
        {
          name: "no-admin",
          namespace: "demo",
          action: "DENY",
          rules: [{ from: [], to: [{ paths: ["/admin*"], ports: [String(app.port)] }], when: [] }],
        },
        {
          name: "no-outlaw",
          namespace: "demo",
          action: "DENY",
          rules: [{ from: [{ principals: ["cluster.local/ns/demo/sa/outlaw"] }], to: [], when: [] }],
        },
      ],
    }),
  ];
}

async function startClient(identity: TestIdentity, fields: Partial<Endpoint> = {}): Promise<TestProxy> {
  const meshed = endpoint(serverAddress, {
    ports: [
      { port: 80, target: app.port },
      { port: 81, target: echo.port },
    ],
    mtls: true,
    identity: serverIdentity.id,
    workload: "web",
    labels: { app: "web", version: "v7" },
    ...fields,
  });
  const ports = [
    { port: 80, protocol: "http" as const },
    { port: 81, protocol: "tcp" as const },
  ];
  const client = await TestProxy.start({
    file: callsTo(80, 81),
    identity,
    objects: webObjects([meshed], { ports }),
  });
  clients.push(client);
  return client;
}

describe("between two proxies", () => {
  it("a request travels by mutual TLS, and the application learns who calls", async () => {
    const client = await startClient(await authority.issue("client"));
    const received = await exchange(client.port("outbound"), GET);
    expect(statusOf(received)).toBe(200);
    expect(requests[0]).toMatch(
      new RegExp(
        `\\r\\nx-forwarded-client-cert: By=${serverIdentity.id};Hash=[0-9a-f]{64};Subject="";URI=spiffe://cluster.local/ns/demo/sa/client\\r\\n`,
      ),
    );
    expect(requests[0]).not.toContain("x-weft-peer");
  });

  it("both report the request with Istio's labels", async () => {
    const client = clients[0] as TestProxy;
    await exchange(client.port("outbound"), GET);
    const workloads = { source_workload: "client", destination_service_name: "web", response_code: "200" };
    expect(
      await client.metric("istio_requests_total", {
        ...workloads,
        reporter: "source",
        destination_workload: "web",
        destination_version: "v7",
        destination_principal: serverIdentity.id,
        source_principal: "spiffe://cluster.local/ns/demo/sa/client",
      }),
    ).toBeGreaterThan(0);
    expect(
      await server.metric("istio_requests_total", {
        ...workloads,
        reporter: "destination",
        source_workload_namespace: "demo",
        source_principal: "spiffe://cluster.local/ns/demo/sa/client",
        connection_security_policy: "mutual_tls",
        request_protocol: "http",
      }),
    ).toBeGreaterThan(0);
  });

  it("connections are kept and shared", async () => {
    const client = clients[0] as TestProxy;
    const before = await server.metric("weft_connections_total", { side: "inbound", protocol: "http" });
    for (let round = 0; round < 10; round++) await exchange(client.port("outbound"), GET);
    expect(await server.metric("weft_connections_total", { side: "inbound", protocol: "http" })).toBe(before);
  });

  it("a policy refuses a path, in whatever spelling, with 403 and Istio's words", async () => {
    const client = clients[0] as TestProxy;
    for (const path of ["/admin/x", "/a/../admin", "/%61dmin", "/./admin", "/x/%2e%2e/admin"]) {
      const received = await exchange(client.port("outbound"), `GET ${path} HTTP/1.1\r\nHost: web\r\n\r\n`);
      expect(statusOf(received), path).toBe(403);
      expect(received.endsWith("RBAC: access denied")).toBe(true);
    }
    expect(requests).toEqual([]);
    expect(await server.metric("weft_authorization_denied_total", { protocol: "http" })).toBe(5);
  });

  it("a refused POST leaves the connection usable", async () => {
    const client = clients[0] as TestProxy;
    using raw = await TestClient.open(client.port("outbound"));
    raw.send("POST /admin HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello");
    await raw.responses(1);
    expect(await raw.send(GET).responses(2)).toMatch(/403 Forbidden[\s\S]*200 OK/);
  });

  it("what policies and application see is the path's normal form", async () => {
    const client = clients[0] as TestProxy;
    await exchange(client.port("outbound"), "GET /a/./b/../%63?q=%2e HTTP/1.1\r\nHost: web\r\n\r\n");
    expect(requests[0]).toMatch(/^GET \/a\/c\?q=%2e HTTP/);
  });

  it.each([
    ["web", 200],
    ["other", 503],
  ])(
    "a ServiceEntry's endpoint with the account %s is called by mutual TLS, and has to show it",
    async (account, status) => {
      const entry = manifests(`
kind: ServiceEntry
metadata: {name: db, namespace: demo}
spec:
  hosts: [db.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${app.port}}]
  endpoints: [{address: ${serverAddress}, serviceAccount: ${account}}]
`);
      const compiled = compile(snapshotOf(entry), defaultSettings).map(
        ({ kind, name, namespace, labels, status }): CompiledJson => ({
          apiVersion: "mesh.weft.dev/v1alpha1",
          kind,
          metadata: { name, namespace, labels: { ...labels } },
          status,
        }),
      );
      await using client = await TestProxy.start({
        file: { outbound: [{ listen: "127.0.0.1:0", destination: "10.0.0.9:80" }], admin: "127.0.0.1:0" },
        identity: await authority.issue("client"),
        objects: [...compiled, workloadObject("demo", "client")],
      });
      const received = await exchange(
        client.port("outbound"),
        "GET /x HTTP/1.1\r\nHost: db.internal\r\n\r\n",
      );
      expect(statusOf(received)).toBe(status);
      expect(requests).toHaveLength(status === 200 ? 1 : 0);
    },
  );

  it("opaque TCP travels inside mutual TLS, half-close included", async () => {
    const client = clients[0] as TestProxy;
    using raw = await TestClient.open(client.port("outbound1"));
    await raw.send("ping").until((text) => text === "ping");
    raw.send(" and last words").socket.end();
    expect(await raw.closed()).toBe("end");
    expect(raw.received).toBe("ping and last words");
    await eventually(
      async () =>
        (await server.metric("istio_tcp_connections_closed_total", {
          source_principal: "spiffe://cluster.local/ns/demo/sa/client",
        })) === 1,
    );
    const received = () =>
      client.metric("istio_tcp_received_bytes_total", { destination_service_name: "web" });
    // Told when both its connections are closed.
    await eventually(async () => (await received()) > 0);
    expect(await received()).toBe(19);
  });

  it("a policy closes a TCP connection that it refuses", async () => {
    const outlaw = await startClient(await authority.issue("outlaw"));
    using raw = await TestClient.open(outlaw.port("outbound1"));
    raw.send("ping");
    await raw.closed();
    expect(raw.received).toBe("");
    expect(await server.metric("weft_authorization_denied_total", { protocol: "tcp" })).toBe(1);
  });
});

describe("a client's proxy refuses a server", () => {
  it.each([
    [
      "tls_identity",
      "of another identity",
      async () =>
        startClient(await authority.issue("client"), {
          identity: "spiffe://cluster.local/ns/demo/sa/somebody-else",
        }),
    ],
    [
      "tls_identity",
      "whose identity is a prefix of the expected",
      async () => startClient(await authority.issue("client"), { identity: `${serverIdentity.id}x` }),
    ],
    [
      "tls_untrusted",
      "of another authority",
      async () =>
        startClient(
          await authority.issue("client", { trust: (await TestAuthority.create()).root.certificate }),
        ),
    ],
    // The same name as the real root, so that only the signature tells them apart.
    [
      "tls_untrusted",
      "of an authority of the same name",
      async () =>
        startClient(
          await authority.issue("client", {
            trust: (await TestAuthority.create("Test Root")).root.certificate,
          }),
        ),
    ],
  ])("%s: %s", async (reason, _what, start) => {
    const client = await start();
    const received = await exchange(client.port("outbound"), GET);
    expect(statusOf(received)).toBe(503);
    expect(received).toContain("expected spiffe://");
    expect(requests).toEqual([]);
    expect(await client.metric("weft_dial_failures_total", { reason })).toBeGreaterThan(0);
    expect(await client.metric("istio_requests_total", { response_flags: "UF,URX" })).toBe(1);
  });

  it("whose certificate has expired", async () => {
    await server.stop("SIGKILL");
    const old = await startServer(await authority.issue("web", { validity: expired() }));
    try {
      const client = await startClient(await authority.issue("client"));
      expect(statusOf(await exchange(client.port("outbound"), GET))).toBe(503);
      expect(await client.metric("weft_dial_failures_total", { reason: "tls_expired" })).toBeGreaterThan(0);
      expect(requests).toEqual([]);
    } finally {
      await old[Symbol.asyncDispose]();
      server = await startServer(serverIdentity);
    }
  });
});

describe("a server's proxy refuses a client", () => {
  const dial = (identity: Partial<TestIdentity>, options?: ConnectionOptions): TLSSocket =>
    connectAs(identity, serverAddress, app.port, options);
  /** What came back for a request on the connection until it ended. */
  const converse = async (socket: TLSSocket): Promise<string> => {
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      received += String(data);
      socket.end();
    });
    socket.write(GET);
    await new Promise((resolve) => socket.once("close", resolve));
    return received;
  };

  it("nobody who is who he says", async () => {
    expect(await converse(dial(await authority.issue("client")))).toContain("200 OK");
  });

  it.each([
    ["no_certificate", "without a certificate", async () => ({})],
    [
      "untrusted",
      "of another authority",
      async () => (await TestAuthority.create("Test Root")).issue("client"),
    ],
    [
      "expired",
      "whose certificate has expired",
      async () => authority.issue("client", { validity: expired() }),
    ],
    [
      "not_yet_valid",
      "whose certificate is not valid yet",
      async () =>
        authority.issue("client", {
          validity: { notBefore: Date.now() + 3_600_000, notAfter: Date.now() + 7_200_000 },
        }),
    ],
    [
      "identity",
      "of another trust domain",
      async () => authority.issue("client", { trustDomain: "evil.example" }),
    ],
  ])("%s: %s", async (reason, _what, identity) => {
    const before = await server.metric("weft_tls_handshake_failures_total", { reason });
    expect(await converse(dial(await identity()))).toBe("");
    expect(requests).toEqual([]);
    expect(await server.metric("weft_tls_handshake_failures_total", { reason })).toBe(before + 1);
  });

  it.each([
    ["that speaks TLS 1.2", { maxVersion: "TLSv1.2" as const }, "protocol"],
    ["that offers no protocol we know", { ALPNProtocols: ["h3"] }, "protocol"],
    ["that offers no protocol at all", { ALPNProtocols: [] }, "protocol"],
    ["that names no port", { servername: "web.demo" }, "sni"],
    [
      "that names a port of the proxy's own",
      { servername: "outbound_.15001_._.web.demo.svc.cluster.local" },
      "sni",
    ],
  ])("%s", async (_what, options, reason) => {
    const before = await server.metric("weft_tls_handshake_failures_total", { reason });
    expect(await converse(dial(await authority.issue("client"), options))).toBe("");
    await eventually(
      async () => (await server.metric("weft_tls_handshake_failures_total", { reason })) === before + 1,
    );
  });

  it("resuming a session of a client that was refused", async () => {
    const stranger = await (await TestAuthority.create()).issue("client");
    let session: Buffer | undefined;
    const first = dial(stranger);
    first.on("session", (each) => {
      session = each;
    });
    expect(await converse(first)).toBe("");
    expect(await converse(dial(stranger, session === undefined ? {} : { session }))).toBe("");
    expect(requests).toEqual([]);
  });

  it.each([
    ["plain HTTP", GET],
    ["a truncated record", "\x16\x03\x01\x02\x00\x01"],
    ["noise", "\x00\xff".repeat(100)],
  ])("that sends %s", async (_what, bytes) => {
    const count = () => server.metric("weft_tls_handshake_failures_total");
    const before = await count();
    using raw = await TestClient.open(15008, serverAddress);
    raw.send(bytes).socket.end();
    await raw.closed();
    await eventually(async () => (await count()) === before + 1);
    // It goes on serving others.
    expect(await converse(dial(await authority.issue("client")))).toContain("200 OK");
  });

  it("who has left by the time that he has proved who he is", async () => {
    const reset = () => server.metric("weft_tls_handshake_failures_total", { reason: "reset" });
    const before = await reset();
    // A relay that sends the client's last words and a reset while the proxy does not look.
    const relay = await TestServer.start((socket) => {
      const upstream = connect(15008, serverAddress);
      upstream.on("error", () => {}).on("data", (bytes) => socket.write(bytes));
      socket.once("data", (hello) => {
        upstream.write(hello);
        socket.once("data", (finished) => {
          process.kill(server.pid, "SIGSTOP");
          upstream.write(finished, () => {
            upstream.resetAndDestroy();
            process.kill(server.pid, "SIGCONT");
          });
        });
      });
    });
    const socket = dial(await authority.issue("client"), { host: "127.0.0.1", port: relay.port });
    socket.on("error", () => {});
    await eventually(async () => (await reset()) === before + 1);
    expect(await server.metric("weft_internal_errors_total")).toBe(0);
    socket.destroy();
    await relay[Symbol.asyncDispose]();
  });

  it("whose records do not decrypt, and serves others", async () => {
    // A relay that puts bytes of its own between the client's.
    const upstreams: Socket[] = [];
    const relay = await TestServer.start((socket) => {
      const upstream = connect(15008, serverAddress);
      upstream.on("error", () => {});
      upstream.on("close", () => socket.destroy());
      upstreams.push(upstream);
      socket.pipe(upstream).pipe(socket);
    });
    const socket = dial(await authority.issue("client"), { host: "127.0.0.1", port: relay.port });
    socket.on("error", () => {});
    socket.write(GET);
    await once(socket, "data");
    upstreams[0]?.write("\x17\x03\x03\x00\x20 not what was agreed upon at all");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(await converse(dial(await authority.issue("client")))).toContain("200 OK");
    await relay[Symbol.asyncDispose]();
  });

  it("in plaintext when the port is STRICT, and serves him when it is PERMISSIVE", async () => {
    using raw = await TestClient.open(server.port("inbound"));
    raw.send(GET);
    expect(await raw.closed()).toBe("reset");
    expect(await server.metric("weft_plaintext_refused_total")).toBe(1);
    await server.stop("SIGKILL");
    const lax = await startServer(serverIdentity, "PERMISSIVE");
    try {
      const forged =
        "GET /x HTTP/1.1\r\nHost: web\r\nx-forwarded-client-cert: URI=spiffe://me\r\nx-weft-peer: a;b;c;d\r\n\r\n";
      expect(statusOf(await exchange(lax.port("inbound"), forged))).toBe(200);
      expect(requests[0]).not.toMatch(/client-cert|weft-peer/);
      expect(
        await lax.metric("istio_requests_total", {
          source_principal: "unknown",
          connection_security_policy: "none",
        }),
      ).toBe(1);
      // A connection that was let in while the port was PERMISSIVE is not let through once it is STRICT.
      using open = await TestClient.open(lax.port("inbound"));
      await open.send(GET).responses(1);
      await lax.configure(serverObjects("STRICT"));
      await eventually(async () => (await lax.metric("weft_config_changes_total")) === 2);
      const before = requests.length;
      open.send(GET);
      expect(await open.closed()).toBe("reset");
      expect(requests).toHaveLength(before);
    } finally {
      await lax[Symbol.asyncDispose]();
      server = await startServer(serverIdentity);
    }
  });
});
