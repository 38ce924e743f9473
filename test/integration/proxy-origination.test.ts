import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createIntermediate,
  createLeafWithKey,
  createRoot,
  type KeyPairPem,
  readSigningKey,
} from "../../control/ca/certificates.ts";
import type { ClientTls } from "../../crds/service-config.ts";
import { subset, view } from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { revocationList } from "../support/revocation-list.ts";
import { application, listen, ok } from "../support/server.ts";
import { callsTo, webAt, webObjects } from "../support/web.ts";

/** Servers with TLS of their own outside the mesh, called by DestinationRules that say how. */
const HOUR = 3_600_000;
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";
const now = Date.now();
const valid = { notBefore: now - HOUR, notAfter: now + HOUR };
let root: KeyPairPem;
let stranger: KeyPairPem;
let folder: string;
let proxy: TestProxy;
const servers: Server[] = [];
const connections: TLSSocket[] = [];
/** Of the clients' certificates. */
const names: (string | undefined)[] = [];

beforeAll(async () => {
  root = await createRoot("Outside Root", valid);
  stranger = await createRoot("Stranger's Root", valid);
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  names.length = 0;
  for (const each of connections.splice(0)) each.destroy();
  for (const each of servers.splice(0)) each.close();
  await proxy?.[Symbol.asyncDispose]();
});

async function leaf(issuer: KeyPairPem, name: { dns: string } | { uri: string }, validity = valid) {
  return createLeafWithKey(
    await readSigningKey(issuer),
    "dns" in name ? { dns: [name.dns] } : name,
    validity,
  );
}

async function serve(pair: KeyPairPem, options: TlsOptions = {}): Promise<number> {
  const server = createServer({ cert: pair.certificate, key: pair.key, ...options }, (socket) => {
    connections.push(socket);
    names.push(socket.getPeerCertificate()?.subjectaltname);
    socket.on("error", () => {});
    application((request) => ok(`${socket.alpnProtocol || "no ALPN"} ${request.split(" ")[1]}`))(socket);
  });
  server.on("tlsClientError", () => {});
  servers.push(server);
  return await listen(server);
}

function objects(target: number, tls: Partial<ClientTls>) {
  const ports = [
    { port: 80, protocol: "http" as const },
    { port: 81, protocol: "tcp" as const },
  ];
  const settings: ClientTls = { mode: "SIMPLE", subjectAltNames: [], ...tls };
  const endpoint = webAt(target, {
    ports: [
      { port: 80, target },
      { port: 81, target },
    ],
  });
  return webObjects([endpoint], {
    ports,
    service: { common: view({ clusters: [subset("", { tls: settings })] }) },
  });
}

/** A proxy with files beside its configuration: roots and certificates by name. */
async function start(
  target: number,
  tls: (path: (name: string) => string) => Partial<ClientTls>,
  files = {},
) {
  proxy = await TestProxy.start({
    file: callsTo(80, 81),
    objects: [],
    async prepare(made) {
      folder = join(made, "proxy");
      const all: Record<string, string> = { "roots.pem": root.certificate, ...files };
      for (const [name, pem] of Object.entries(all)) await writeFile(join(folder, name), pem);
      await writeFile(
        join(made, "objects.json"),
        JSON.stringify(
          objects(
            target,
            tls((name) => join(folder, name)),
          ),
        ),
      );
    },
  });
}

const web = { dns: "web.demo.svc.cluster.local" };

describe("TLS to a server outside the mesh", () => {
  it("is originated for HTTP, with ALPN, and its connection is kept", async () => {
    const port = await serve(await leaf(root, web), { ALPNProtocols: ["h2", "http/1.1"] });
    await start(port, (path) => ({ caCertificates: path("roots.pem") }));
    for (let round = 0; round < 3; round++) {
      expect(await exchange(proxy.port("outbound"), GET)).toContain("http/1.1 /x");
    }
    expect(connections).toHaveLength(1);
    expect(connections[0]?.servername).toBe(web.dns);
  });

  it("is originated for TCP", async () => {
    await start(await serve(await leaf(root, web)), (path) => ({ caCertificates: path("roots.pem") }));
    expect(await exchange(proxy.port("outbound1"), GET)).toContain("no ALPN /x");
  });

  it.each([
    ["the name asked for", web, {}],
    ["a wildcard", { dns: "*.example.org" }, { sni: "db.example.org" }],
    [
      "a name of several",
      { dns: "b.example" },
      { sni: "x.example", subjectAltNames: ["a.example", "b.example"] },
    ],
    ["a URI", { uri: "spiffe://out/ns/a/sa/b" }, { subjectAltNames: ["spiffe://out/ns/a/sa/b"] }],
  ])("takes a server that has %s", async (_case, name, tls) => {
    await start(await serve(await leaf(root, name)), (path) => ({
      caCertificates: path("roots.pem"),
      ...tls,
    }));
    expect(statusOf(await exchange(proxy.port("outbound"), GET))).toBe(200);
    if ("sni" in tls) expect(connections[0]?.servername).toBe(tls.sni);
  });

  it.each([
    ["whose authority is unknown", () => leaf(stranger, web), "tls_untrusted", {}],
    [
      "whose certificate has expired",
      () => leaf(root, web, { notBefore: now - HOUR, notAfter: now - 60_000 }),
      "tls_expired",
      {},
    ],
    ["with another name", () => leaf(root, { dns: "other.example" }), "tls_identity", {}],
    [
      "with the name asked for, where others are expected",
      () => leaf(root, web),
      "tls_identity",
      { subjectAltNames: ["other.example"] },
    ],
    [
      "that the runtime's own roots do not know",
      () => leaf(root, web),
      "tls_untrusted",
      { caCertificates: undefined },
    ],
  ])("refuses a server %s, in HTTP and TCP, and sends it nothing", async (_case, pair, reason, tls) => {
    const port = await serve(await pair());
    let said = 0;
    servers[0]?.on("secureConnection", (socket) => socket.on("data", () => said++));
    await start(port, (path) => {
      const { caCertificates, ...rest } = { caCertificates: path("roots.pem"), ...tls };
      return caCertificates === undefined ? rest : { caCertificates, ...rest };
    });
    const answer = await exchange(proxy.port("outbound"), GET);
    expect(statusOf(answer)).toBe(503);
    using client = await TestClient.open(proxy.port("outbound1"));
    client.send(GET);
    expect(await client.closed()).toBe("reset");
    expect(await proxy.metric("weft_dial_failures_total", { reason })).toBeGreaterThan(1);
    expect(said).toBe(0);
  });

  describe("with revocation lists", () => {
    const listOf = (issuer: KeyPairPem, revoked: readonly string[], until = now + HOUR) =>
      revocationList(issuer, revoked, { notBefore: now - HOUR, notAfter: until });

    /** A server behind an intermediate authority, and the files that a client knows. */
    async function behindIntermediate() {
      const middle = await createIntermediate(await readSigningKey(root), "Middle", valid);
      const pair = await leaf(middle, web);
      const port = await serve({ ...pair, certificate: pair.certificate + middle.certificate });
      const files = async (lists: { root?: string[]; middle?: string[]; until?: number }) => ({
        "anchors.pem": root.certificate + middle.certificate,
        "lists.pem":
          (await listOf(root, lists.root ?? [])) + (await listOf(middle, lists.middle ?? [], lists.until)),
      });
      return { middle, pair, port, files };
    }
    const tls = (path: (name: string) => string) => ({
      caCertificates: path("anchors.pem"),
      caCrl: path("lists.pem"),
    });
    const refused = async (why: string) => {
      const answer = await exchange(proxy.port("outbound"), GET);
      expect(statusOf(answer)).toBe(503);
      expect(answer).toContain(why);
      using client = await TestClient.open(proxy.port("outbound1"));
      client.send(GET);
      expect(await client.closed()).toBe("reset");
    };

    it("takes a server that stands on none, and refuses it once it does", async () => {
      const { port, files, pair } = await behindIntermediate();
      await start(port, tls, await files({}));
      // The second time by the session of the first.
      for (const reused of [false, true]) {
        expect(statusOf(await exchange(proxy.port("outbound"), GET))).toBe(200);
        expect(connections.at(-1)?.isSessionReused()).toBe(reused);
        for (const each of connections) each.destroy();
      }
      await writeFile(join(folder, "next"), (await files({ middle: [pair.certificate] }))["lists.pem"]);
      await rename(join(folder, "next"), join(folder, "lists.pem"));
      await eventually(async () => {
        using client = await TestClient.open(proxy.port("outbound1"));
        client.send(GET);
        await eventually(async () => client.received !== "" || client.ended !== "open");
        return client.ended === "reset";
      });
      expect(await proxy.metric("weft_dial_failures_total", { reason: "tls_revoked" })).toBeGreaterThan(0);
      await refused("its certificate is revoked");
    });

    it("refuses a server whose authority is revoked, or whose list has ended", async () => {
      const { port, files, middle } = await behindIntermediate();
      await start(port, tls, await files({ root: [middle.certificate] }));
      await refused("the certificate of an authority");
      await proxy[Symbol.asyncDispose]();
      await start(port, tls, await files({ until: now - 60_000 }));
      await refused("ended");
    });

    it("refuses a server when an authority above it has no list, or is not among those known", async () => {
      const { port, files } = await behindIntermediate();
      await start(port, tls, { ...(await files({})), "lists.pem": await listOf(root, []) });
      await refused("has no revocation list");
      await proxy[Symbol.asyncDispose]();
      await start(port, tls, { ...(await files({})), "anchors.pem": root.certificate });
      await refused("not among caCertificates");
    });

    it("refuses everyone when the lists cannot be read", async () => {
      const { port, files } = await behindIntermediate();
      await start(port, tls, { ...(await files({})), "lists.pem": "nothing" });
      await refused("expected a PEM revocation list, found none");
      expect(await proxy.metric("weft_dial_failures_total", { reason: "tls_files" })).toBeGreaterThan(0);
    });
  });

  it("takes anyone where verification is turned off", async () => {
    const port = await serve(await leaf(stranger, { dns: "other.example" }));
    await start(port, () => ({ insecureSkipVerify: true }));
    expect(statusOf(await exchange(proxy.port("outbound"), GET))).toBe(200);
  });

  it("shows a certificate of its own in mode MUTUAL, and another once the files have changed", async () => {
    const port = await serve(await leaf(root, web), { requestCert: true, ca: root.certificate });
    const own = await leaf(root, { dns: "one.client" });
    const next = await leaf(root, { dns: "two.client" });
    const files = { "cert.pem": own.certificate, "key.pem": own.key };
    await start(
      port,
      (path) => ({
        mode: "MUTUAL",
        caCertificates: path("roots.pem"),
        clientCertificate: path("cert.pem"),
        privateKey: path("key.pem"),
      }),
      files,
    );
    expect(statusOf(await exchange(proxy.port("outbound1"), GET))).toBe(200);
    expect(names).toEqual(["DNS:one.client"]);
    await writeFile(join(folder, "next"), next.key);
    await rename(join(folder, "next"), join(folder, "key.pem"));
    await writeFile(join(folder, "next"), next.certificate);
    await rename(join(folder, "next"), join(folder, "cert.pem"));
    await eventually(async () => {
      using client = await TestClient.open(proxy.port("outbound1"));
      await client.send(GET).responses(1);
      return names.at(-1) === "DNS:two.client";
    });
  });

  it("is refused when a file is missing, and the log or metric says which", async () => {
    await start(await serve(await leaf(root, web)), (path) => ({ caCertificates: path("none.pem") }));
    expect(await exchange(proxy.port("outbound"), GET)).toContain("none.pem");
    expect(await proxy.metric("weft_dial_failures_total", { reason: "tls_files" })).toBeGreaterThan(0);
  });

  it("begins on the next request when a rule asks for it", async () => {
    const port = await serve(await leaf(root, web));
    await start(port, () => ({ mode: "DISABLE" }));
    expect(statusOf(await exchange(proxy.port("outbound"), GET))).toBe(503);
    await proxy.configure(objects(port, { caCertificates: join(folder, "roots.pem") }));
    await eventually(async () => statusOf(await exchange(proxy.port("outbound"), GET)) === 200);
  });
});
