import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createLeafWithKey,
  createRoot,
  type KeyPairPem,
  readSigningKey,
} from "../../control/ca/certificates.ts";
import type { Endpoint, IndexEntry, IndexPort, ServicePart } from "../../crds/service-config.ts";
import {
  type CompiledJson,
  endpoint,
  endpointsObject,
  entry,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, listen, ok, TestServer } from "../support/server.ts";

/** Hosts outside the mesh, as ServiceEntries compile, at loopback addresses. */
const NOWHERE = "127.0.0.99";
const ports: IndexPort[] = [
  { port: 80, protocol: "http" },
  { port: 443, protocol: "tls" },
  { port: 3306, protocol: "tcp" },
];
let app: TestServer;
let tls: Server;
let tlsPort: number;
let httpsPort: number;
let https: Server;
/** The root of the servers outside. */
let roots: string;
let proxy: TestProxy;

beforeAll(async () => {
  app = await TestServer.start(application((request) => ok(`app ${request.split(" ")[1]}`)));
  const valid = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000 };
  const root: KeyPairPem = await createRoot("Outside Root", valid);
  roots = join(await mkdtemp(join(tmpdir(), "weft-roots-")), "roots.pem");
  await writeFile(roots, root.certificate);
  const leaf = await createLeafWithKey(await readSigningKey(root), { dns: ["api.example.com"] }, valid);
  tls = createServer({ cert: leaf.certificate, key: leaf.key }, (socket) => {
    socket.on("error", () => {});
    socket.end(`hello ${socket.servername}`);
  });
  tls.on("tlsClientError", () => {});
  tlsPort = await listen(tls);
  https = createServer({ cert: leaf.certificate, key: leaf.key }, (socket) => {
    socket.on("error", () => {});
    application((request) => ok(`secure ${request.split(" ")[1]}`))(socket);
  });
  https.on("tlsClientError", () => {});
  httpsPort = await listen(https);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  tls.close();
  https.close();
  await rm(dirname(roots), { recursive: true });
});
afterEach(async () => {
  await proxy?.[Symbol.asyncDispose]();
});

interface External {
  readonly host: string;
  readonly resolution: NonNullable<ServicePart["resolution"]>;
  readonly endpoints?: readonly string[];
  readonly index?: Partial<IndexEntry>;
}

/** A host whose port 80 is the application's, 443 the TLS server's. */
function external({ host, resolution, endpoints = [], index = {} }: External): {
  readonly index: IndexEntry;
  readonly objects: readonly CompiledJson[];
} {
  const at = (address: string): Endpoint =>
    endpoint(address, {
      dns: /[a-z]/.test(address),
      ports: [
        { port: 80, target: app.port },
        { port: 443, target: tlsPort },
        { port: 3306, target: app.port },
      ],
    });
  const name = `host-${host.replace("*", "any")}`;
  return {
    index: entry("demo", name, { hosts: [host], ports, ...index }),
    objects: [
      serviceObject("demo", name, { host, resolution, endpointSlices: endpoints.length > 0 ? 1 : 0 }),
      ...(endpoints.length > 0 ? [endpointsObject("demo", name, endpoints.map(at))] : []),
    ],
  };
}

async function start(
  outboundTrafficPolicy: "ALLOW_ANY" | "REGISTRY_ONLY",
  destinations: readonly string[],
  ...hosts: External[]
): Promise<void> {
  const made = hosts.map(external);
  proxy = await TestProxy.start({
    file: {
      outbound: destinations.map((destination) => ({ listen: "127.0.0.1:0", destination })),
      admin: "127.0.0.1:0",
    },
    objects: [
      indexObject(
        "demo",
        made.map(({ index }) => index),
      ),
      ...made.flatMap(({ objects }) => objects),
      workloadObject("demo", "client", { egress: { outboundTrafficPolicy } }),
    ],
  });
}

const get = (host: string) => exchange(proxy.port("outbound"), `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

/** What a server says to a TLS client; "" when the connection ends without a word. */
async function hello(servername: string): Promise<string> {
  const socket: TLSSocket = connect({
    port: proxy.port("outbound"),
    host: "127.0.0.1",
    servername,
    rejectUnauthorized: false,
  });
  let said = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return said;
}

describe("an HTTP host outside the mesh", () => {
  it("is found by Host and called at the addresses that its name resolves to", async () => {
    await start("REGISTRY_ONLY", [`${NOWHERE}:80`], {
      host: "api.example.com",
      resolution: "DNS",
      endpoints: ["localhost"],
    });
    expect(await get("api.example.com")).toContain("app /x");
    expect(
      await proxy.metric("istio_requests_total", {
        destination_service: "api.example.com",
        destination_service_name: "api.example.com",
        response_code: "200",
      }),
    ).toBe(1);
  });

  it("has no healthy endpoint when its name has no address", async () => {
    await start("ALLOW_ANY", [`${NOWHERE}:80`], {
      host: "api.example.com",
      resolution: "DNS",
      endpoints: ["nothing.invalid"],
    });
    const answer = await get("api.example.com");
    expect(statusOf(answer)).toBe(503);
    expect(answer).toContain("no healthy upstream");
    expect(await proxy.metric("istio_requests_total", { response_flags: "UH" })).toBe(1);
  });

  it("is called at its static addresses", async () => {
    await start("REGISTRY_ONLY", [`${NOWHERE}:80`], {
      host: "api.example.com",
      resolution: "STATIC",
      endpoints: ["127.0.0.1"],
    });
    expect(await get("api.example.com")).toContain("app /x");
  });

  it("is called where the client dialled when nothing resolves it, by a wildcard, too", async () => {
    const here = [{ port: app.port, protocol: "http" as const }];
    await start("REGISTRY_ONLY", [`127.0.0.1:${app.port}`], {
      host: "*.example.com",
      resolution: "NONE",
      index: { ports: here },
    });
    expect(await get("api.example.com")).toContain("app /x");
    expect(statusOf(await get("example.com"))).toBe(502);
  });

  it("is told from others of one address by the Host", async () => {
    const shared = { addresses: [NOWHERE] };
    await start(
      "REGISTRY_ONLY",
      [`${NOWHERE}:80`],
      { host: "a.example.com", resolution: "STATIC", endpoints: ["127.0.0.1"], index: shared },
      { host: "b.example.com", resolution: "STATIC", index: shared },
    );
    expect(statusOf(await get("a.example.com"))).toBe(200);
    expect(statusOf(await get("b.example.com"))).toBe(503);
    expect(statusOf(await get("a.example.com"))).toBe(200);
  });

  it.each([
    ["api.example.com", 200],
    ["other.example.com", 503],
  ])("is called by TLS that the proxy originates, when its server is %s", async (name, status) => {
    const clusters = [
      subset("", { tls: { mode: "SIMPLE", caCertificates: roots, subjectAltNames: [name], sni: name } }),
    ];
    proxy = await TestProxy.start({
      file: { outbound: [{ listen: "127.0.0.1:0", destination: `${NOWHERE}:80` }], admin: "127.0.0.1:0" },
      objects: [
        indexObject("demo", [entry("demo", "host-api", { hosts: ["api.example.com"], ports })]),
        serviceObject("demo", "host-api", {
          host: "api.example.com",
          resolution: "DNS",
          common: view({ clusters }),
        }),
        endpointsObject("demo", "host-api", [
          endpoint("localhost", { dns: true, ports: [{ port: 80, target: httpsPort }] }),
        ]),
        workloadObject("demo", "client"),
      ],
    });
    const answer = await get("api.example.com");
    expect(statusOf(answer)).toBe(status);
    if (status === 200) expect(answer).toContain("secure /x");
  });

  it("that nothing names is refused by REGISTRY_ONLY and called by ALLOW_ANY", async () => {
    const destination = [`127.0.0.1:${app.port}`];
    await start("REGISTRY_ONLY", destination);
    expect(statusOf(await get("other.example.com"))).toBe(502);
    await proxy[Symbol.asyncDispose]();
    await start("ALLOW_ANY", destination);
    expect(statusOf(await get("other.example.com"))).toBe(200);
  });
});

describe("a TLS host outside the mesh", () => {
  it("is found by its SNI and passed through to its endpoints", async () => {
    await start("REGISTRY_ONLY", [`${NOWHERE}:443`], {
      host: "api.example.com",
      resolution: "DNS",
      endpoints: ["localhost"],
    });
    expect(await hello("api.example.com")).toBe("hello api.example.com");
    expect(
      await proxy.metric("istio_tcp_connections_opened_total", {
        destination_service_name: "api.example.com",
      }),
    ).toBe(1);
  });

  it("is passed through to where the client dialled, by a wildcard, and by REGISTRY_ONLY no other is", async () => {
    await start("REGISTRY_ONLY", [`127.0.0.1:${tlsPort}`], {
      host: "*.example.com",
      resolution: "NONE",
      index: { ports: [{ port: tlsPort, protocol: "tls" }] },
    });
    expect(await hello("api.example.com")).toBe("hello api.example.com");
    expect(await hello("api.example.org")).toBe("");
  });

  it("that nothing names is passed through by ALLOW_ANY", async () => {
    await start("ALLOW_ANY", [`127.0.0.1:${tlsPort}`]);
    expect(await hello("api.example.org")).toBe("hello api.example.org");
  });
});

describe("a TCP host outside the mesh", () => {
  it.each(["198.18.7.7", "198.18.0.0/15"])("is found by its address %s", async (address) => {
    await start("REGISTRY_ONLY", ["198.18.7.7:3306", "198.20.0.1:3306"], {
      host: "db.example.com",
      resolution: "STATIC",
      endpoints: ["127.0.0.1"],
      index: { addresses: [address] },
    });
    expect(await get("anything")).toContain("app /x");
    using other = await TestClient.open(proxy.port("outbound1"));
    other.send("GET /x HTTP/1.1\r\n\r\n");
    expect(await other.closed()).toBe("reset");
  });

  const database = {
    host: "db.example.com",
    resolution: "DNS",
    endpoints: ["localhost"],
    index: { ports: [{ port: 3306, protocol: "tcp" }] },
  } as const;
  const counted = () =>
    proxy.metric("istio_tcp_connections_opened_total", { destination_service_name: "db.example.com" });

  it("without addresses is known by its port, and by the address of an endpoint", async () => {
    await start("ALLOW_ANY", ["127.0.0.1:3306"], database);
    expect(await get("anything")).toContain("app /x");
    expect(await counted()).toBe(1);
  });

  it("without addresses takes no other connection on its port", async () => {
    await start("ALLOW_ANY", [`${NOWHERE}:3306`], database);
    using client = await TestClient.open(proxy.port("outbound"));
    expect(await client.send("hello\r\n").closed()).toBe("reset");
    expect(await counted()).toBe(0);
  });

  it("without addresses takes what REGISTRY_ONLY would refuse", async () => {
    await start("REGISTRY_ONLY", [`${NOWHERE}:3306`], database);
    using client = await TestClient.open(proxy.port("outbound"));
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await client.responses(1)).toContain("app /x");
    expect(await counted()).toBe(1);
  });
});
