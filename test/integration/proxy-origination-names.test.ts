/** TLS to the servers of a wildcard host: each is asked for by the name that the request is for, and has to prove that name. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSecureContext, createServer, type Server, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createLeafWithKey, createRoot, readSigningKey } from "../../control/ca/certificates.ts";
import type { ClientTls, HttpRoute } from "../../crds/service-config.ts";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, listen, ok } from "../support/server.ts";

let server: Server;
let port: number;
let roots: string;
let proxy: TestProxy | undefined;
const connections: TLSSocket[] = [];

beforeAll(async () => {
  const valid = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000 };
  const root = await createRoot("Outside Root", valid);
  roots = join(await mkdtemp(join(tmpdir(), "weft-roots-")), "roots.pem");
  await writeFile(roots, root.certificate);
  const signer = await readSigningKey(root);
  const contexts = new Map<string, ReturnType<typeof createSecureContext>>();
  for (const name of ["a.example.com", "b.example.com"]) {
    const { certificate: cert, key } = await createLeafWithKey(signer, { dns: [name] }, valid);
    contexts.set(name, createSecureContext({ cert, key }));
  }
  const SNICallback = (
    name: string,
    done: (error: Error | null, context?: ReturnType<typeof createSecureContext>) => void,
  ) =>
    // Whoever else is asked for is shown the wrong certificate.
    done(null, contexts.get(name) ?? contexts.get("a.example.com"));
  server = createServer({ SNICallback, ALPNProtocols: ["http/1.1"] }, (socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    application((request) => ok(`${socket.servername} ${/\r\nhost: (\S+)/i.exec(request)?.[1]}`))(socket);
  });
  server.on("tlsClientError", () => {});
  port = await listen(server);
});
afterAll(async () => {
  server.close();
  await rm(dirname(roots), { recursive: true });
});
afterEach(async () => {
  await proxy?.[Symbol.asyncDispose]();
  for (const each of connections.splice(0)) each.destroy();
});

async function start(tls: Partial<ClientTls> = {}, route: Partial<HttpRoute> = {}): Promise<number> {
  const settings: ClientTls = { mode: "SIMPLE", subjectAltNames: [], caCertificates: roots, ...tls };
  const http = [{ ...forward(destination("demo", "any")), ...route }];
  proxy = await TestProxy.start({
    file: { outbound: [{ listen: "127.0.0.1:0", destination: "10.0.0.1:80" }], admin: "127.0.0.1:0" },
    objects: [
      indexObject("demo", [entry("demo", "any", { addresses: ["10.0.0.1"], hosts: ["*.example.com"] })]),
      serviceObject("demo", "any", {
        host: "*.example.com",
        resolution: "STATIC",
        common: view({
          clusters: [subset("", { tls: settings })],
          ...(Object.keys(route).length > 0 ? { http } : {}),
        }),
      }),
      endpointsObject("demo", "any", [endpoint("127.0.0.1", { ports: [{ port: 80, target: port }] })]),
      workloadObject("demo", "client", { egress: { outboundTrafficPolicy: "REGISTRY_ONLY" } }),
    ],
  });
  return proxy.port("outbound");
}

const get = (host: string) => `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

describe("TLS to a wildcard host", () => {
  it("asks for the name that each request is for, on connections that serve that name alone", async () => {
    using client = await TestClient.open(await start());
    for (const host of ["a.example.com", "b.example.com", "A.example.com:80", "b.example.com"]) {
      const said = `${host.toLowerCase().replace(":80", "")} ${host}`;
      const before = client.received.length;
      client.send(get(host));
      await client.until((text) => text.slice(before).endsWith(said));
    }
    expect(connections.map(({ servername }) => servername)).toEqual(["a.example.com", "b.example.com"]);
  });

  it("takes no server that cannot prove that name", async () => {
    const listener = await start();
    const received = await exchange(listener, get("c.example.com"));
    expect(statusOf(received)).toBe(503);
    expect(received).toContain("expected c.example.com, found DNS:a.example.com");
    expect(await proxy?.metric("weft_dial_failures_total", { reason: "tls_identity" })).toBeGreaterThan(0);
  });

  it("takes one that proves a name of the policy's", async () => {
    const received = await exchange(
      await start({ subjectAltNames: ["a.example.com"] }),
      get("c.example.com"),
    );
    expect(received).toContain("c.example.com c.example.com");
  });

  it("asks for the name that a route has put in place of Host", async () => {
    const listener = await start({}, { rewrite: { authority: "b.example.com" } });
    expect(await exchange(listener, get("a.example.com"))).toContain("b.example.com b.example.com");
  });

  it("asks for the policy's name where it has one", async () => {
    const received = await exchange(await start({ sni: "b.example.com" }), get("a.example.com"));
    expect(received).toContain("b.example.com a.example.com");
  });

  it("fails where the request has no name, and says what to set", async () => {
    const received = await exchange(await start(), get("192.0.2.1"));
    expect(statusOf(received)).toBe(503);
    expect(received).toContain("nothing says which name of *.example.com to ask for");
    expect(await proxy?.metric("weft_dial_failures_total", { reason: "tls_no_name" })).toBeGreaterThan(0);
    expect(connections).toEqual([]);
  });
});
