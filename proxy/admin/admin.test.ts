import { describe, expect, it, vi } from "vitest";
import type { ConfigSource } from "../config/view.ts";
import type { Identity, IdentitySource } from "../identity/source.ts";
import type { DialEvents } from "../net/listen.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import { isServing } from "./grpc-health.ts";
import { adminPages, type PageSources, readinessPages } from "./pages.ts";
import { createProber, type ProbeEffects, parseProbes } from "./probes.ts";
import type { AdminRequest } from "./server.ts";

const current: Identity = {
  certChainPem: "CHAIN",
  keyPem: "SECRET KEY",
  trustBundle: "ANCHORS",
  notAfter: Date.UTC(2026, 0, 2),
  spiffeId: "spiffe://td/ns/a/sa/b",
};

function sources(fields: Partial<PageSources> & { ready?: boolean; identified?: boolean } = {}): PageSources {
  const { ready = true, identified = true, ...rest } = fields;
  const config = {
    ready: () => ready,
    dump: () => ({ objects: [{ name: "ServiceConfig/a/b", hash: "h", appliedAt: 1, generations: [] }] }),
  };
  const identity: Pick<IdentitySource, "current"> = { current: () => (identified ? current : undefined) };
  return {
    config: config as unknown as ConfigSource,
    identity: identity as IdentitySource,
    needsIdentity: true,
    draining: () => false,
    metrics: () => "own 1\n",
    appMetrics: undefined,
    probe: () => undefined,
    drain: vi.fn(),
    quit: vi.fn(),
    version: "1.2.3",
    ...rest,
  };
}
const request = (path: string, fields: Partial<AdminRequest> = {}): AdminRequest => ({
  method: "GET",
  path,
  query: "",
  local: true,
  ...fields,
});

describe("readiness", () => {
  it.each([
    [200, {}],
    [503, { ready: false }],
    [503, { identified: false }],
    [503, { draining: () => true }],
    [200, { identified: false, needsIdentity: false }],
  ])("is %i for %j", async (status, fields) => {
    expect((await readinessPages(sources(fields))(request("/healthz/ready"))).status).toBe(status);
  });
});

describe("the admin port", () => {
  it("shows the configuration in force and the certificate, never its key", async () => {
    const { body } = await adminPages(sources())(request("/config_dump"));
    expect(JSON.parse(body)).toEqual({
      version: "1.2.3",
      ready: true,
      certificate: { spiffeId: current.spiffeId, notAfter: "2026-01-02T00:00:00.000Z" },
      objects: [{ name: "ServiceConfig/a/b", hash: "h", appliedAt: 1, generations: [] }],
    });
    expect(body).not.toContain("KEY");
  });

  it("merges the application's metrics, and says in a comment when it cannot", async () => {
    const good = sources({ appMetrics: async () => "app 2\n" });
    expect((await adminPages(good)(request("/stats/prometheus"))).body).toBe("own 1\napp 2\n");
    const bad = sources({ appMetrics: () => Promise.reject(new Error("no\nanswer")) });
    const { status, body } = await adminPages(bad)(request("/stats/prometheus"));
    expect(status).toBe(200);
    expect(body).toBe("own 1\n# the application's metrics: Error: no answer\n");
  });

  it("drains and ends for a POST from within the pod alone", async () => {
    for (const [path, act] of [
      ["/drain", "drain"],
      ["/quitquitquit", "quit"],
    ] as const) {
      const each = sources();
      const pages = adminPages(each);
      expect((await pages(request(path))).status).toBe(405);
      expect((await pages(request(path, { method: "POST", local: false }))).status).toBe(403);
      expect(each[act]).not.toHaveBeenCalled();
      expect((await pages(request(path, { method: "POST" }))).status).toBe(200);
      expect(each[act]).toHaveBeenCalledOnce();
    }
  });

  it("says what it has, for anything else", async () => {
    expect(await adminPages(sources())(request("/x"))).toMatchObject({
      status: 404,
      body: expect.stringContaining("/config_dump"),
    });
  });
});

describe("the application's probes", () => {
  /** An application that answers every connection with `response`. */
  function effects(response: string, fields: Partial<ProbeEffects> = {}) {
    const seen: string[] = [];
    const dial = (scheme: string) => (host: string, port: number, events: DialEvents) => {
      const { socket, raw } = fakeSocket();
      queueMicrotask(() => {
        events.connected(socket);
        seen.push(`${scheme} ${host}:${port} ${raw.text}`);
        if (response !== "") socket.onData(Buffer.from(response));
      });
      return { cancel() {} };
    };
    const after = () => () => {};
    const grpc = vi.fn(async () => true);
    return {
      seen,
      effects: { address: "10.1.0.7", plain: dial("plain"), tls: dial("tls"), grpc, after, ...fields },
    };
  }
  const probe = (name: string, value: unknown) => parseProbes(JSON.stringify({ [name]: value }));
  const path = "/app-health/web/livez";

  it("are asked at the pod's address, with the probe's own headers, and its answer is ours", async () => {
    const { effects: world, seen } = effects("HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\n\r\nshort");
    const get = {
      path: "/live",
      port: 8080,
      httpHeaders: [
        { name: "Host", value: "web" },
        { name: "X", value: "a\r\nY: b" },
      ],
    };
    const answer = await createProber(probe(path, { httpGet: get }), world)(path);
    expect(answer).toEqual({ status: 418, body: "short" });
    expect(seen[0]).toBe(
      "plain 10.1.0.7:8080 GET /live HTTP/1.1\r\nuser-agent: kube-probe/weft\r\naccept: */*\r\nHost: web\r\nX: a  Y: b\r\nconnection: close\r\n\r\n",
    );
  });

  it("over HTTPS go over TLS", async () => {
    const { effects: world, seen } = effects("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    await createProber(probe(path, { httpGet: { port: 8443, scheme: "HTTPS" } }), world)(path);
    expect(seen[0]).toMatch(/^tls 10\.1\.0\.7:8443 GET \/ HTTP/);
  });

  it("of TCP need a connection and nothing more", async () => {
    const { effects: world } = effects("");
    expect(await createProber(probe(path, { tcpSocket: { port: 1 } }), world)(path)).toEqual({
      status: 200,
      body: "",
    });
  });

  it("of gRPC ask for health", async () => {
    const { effects: world } = effects("");
    const prober = createProber(probe(path, { grpc: { port: 1, service: "s" }, timeoutSeconds: 3 }), world);
    expect(await prober(path)).toEqual({ status: 200, body: "" });
    expect(world.grpc).toHaveBeenCalledWith("10.1.0.7", 1, "s", 3000);
    expect(isServing(Uint8Array.from([0, 0, 0, 0, 2, 8, 1]))).toBe(true);
    expect(isServing(Uint8Array.from([0, 0, 0, 0, 2, 8, 2]))).toBe(false);
    expect(isServing(new Uint8Array(0))).toBe(false);
  });

  it("that fail are answered with 503 and why", async () => {
    const refused = (_host: string, _port: number, events: DialEvents) => {
      queueMicrotask(() =>
        events.failed({ reason: "refused", message: "connect to 10.1.0.7:1: ECONNREFUSED" }),
      );
      return { cancel() {} };
    };
    for (const value of [{ tcpSocket: { port: 1 } }, { httpGet: { port: 1 } }]) {
      const { effects: world } = effects("", { plain: refused });
      expect(await createProber(probe(path, value), world)(path)).toMatchObject({
        status: 503,
        body: expect.stringContaining("ECONNREFUSED"),
      });
    }
  });

  it("that nobody wrote are not found", () => {
    expect(createProber(parseProbes(undefined), effects("").effects)(path)).toBeUndefined();
    expect(() => parseProbes("[]")).toThrow("WEFT_APP_PROBES");
  });
});
