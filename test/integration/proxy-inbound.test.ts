import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objects as manifests } from "../../control/compile/cluster.fake.ts";
import { compileLimits } from "../../control/compile/rate-limit.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import { indexObject, workloadObject } from "../../proxy/config/testdata.ts";
import { encode, type Issuer, issuer, jwtRule, keySet } from "../../proxy/jwt/tokens.fake.ts";
import { rateLimit } from "../../proxy/limit/limits.fake.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { inFrontOf } from "../support/web.ts";

/** What a real proxy takes in: tokens, what policies make of them, rates. */
const iss = "https://issuer.example";
const requests: string[] = [];
let app: TestServer;
let alice: Issuer;
beforeAll(async () => {
  alice = await issuer("RS256", "one");
  app = await TestServer.start(application(() => ok("hello"), requests));
});
afterAll(() => app[Symbol.asyncDispose]());

const objects = (fields: Partial<WorkloadConfigStatus>) => [
  indexObject("demo", []),
  workloadObject("demo", "client", { ...fields, telemetry: { accessLog: true } }),
];

async function start(fields: Partial<WorkloadConfigStatus>): Promise<TestProxy> {
  requests.length = 0;
  return TestProxy.start({
    file: inFrontOf(app.port),
    objects: objects(fields),
  });
}

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nhost: web\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`;
const token = (claims: object = {}, header?: object) =>
  alice.token({ iss, sub: "alice", exp: Date.now() / 1000 + 600, ...claims }, header);
const bearer = (text: string) => `authorization: Bearer ${text}`;

describe("tokens", () => {
  const requireToken = {
    name: "require",
    namespace: "demo",
    action: "DENY" as const,
    rules: [{ from: [{ notRequestPrincipals: ["*"] }], to: [{ notPaths: ["/open"] }], when: [] }],
  };
  const adminsOnly = {
    name: "admins",
    namespace: "demo",
    action: "DENY" as const,
    rules: [
      {
        from: [],
        to: [{ paths: ["/admin/{**}"] }],
        when: [{ key: "request.auth.claims[realm][roles]", values: [], notValues: ["admin"] }],
      },
    ],
  };
  const rule = () =>
    jwtRule({
      jwks: keySet(alice.jwk),
      audiences: ["shop"],
      outputClaimToHeaders: [{ header: "X-User", claim: "sub" }],
    });

  it("are verified, dropped, and decide what their bearer may do", async () => {
    await using proxy = await start({ jwtRules: [rule()], authorization: [requireToken, adminsOnly] });
    const port = proxy.port("inbound");
    const good = await token({ aud: "shop" });
    const admin = await token({ aud: "shop", realm: { roles: ["dev", "admin"] } });

    const open = await exchange(port, get("/open", "x-user: root"));
    expect(statusOf(open)).toBe(200);
    expect(requests.at(-1)).not.toContain("x-user");
    expect(statusOf(await exchange(port, get("/closed")))).toBe(403);

    expect(statusOf(await exchange(port, get("/closed", bearer(good), "X-User: root")))).toBe(200);
    expect(requests.at(-1)).not.toContain(good);
    expect(requests.at(-1)).not.toContain("root");
    expect(requests.at(-1)).toContain("\r\nx-user: alice\r\n");

    expect(statusOf(await exchange(port, get(`/x?access_token=${good}&y=1`)))).toBe(200);
    expect(requests.at(-1)).toContain("GET /x?y=1 HTTP/1.1\r\n");

    expect(statusOf(await exchange(port, get("/admin/users", bearer(good))))).toBe(403);
    expect(statusOf(await exchange(port, get("/x/../admin/users", bearer(good))))).toBe(403);
    expect(statusOf(await exchange(port, get("/admin/users", bearer(admin))))).toBe(200);
  });

  it("that are not good are refused, and the answer says why", async () => {
    await using proxy = await start({ jwtRules: [rule()] });
    const port = proxy.port("inbound");
    const late = await exchange(port, get("/a/b?q=1", bearer(await token({ aud: "shop", exp: 1 }))));
    expect(late).toContain("HTTP/1.1 401 Unauthorized\r\n");
    expect(late).toContain('www-authenticate: Bearer realm="http://web/a/b", error="invalid_token"\r\n');
    expect(late).toContain("Jwt is expired");
    const refused = async (text: string) => statusOf(await exchange(port, get("/", bearer(text))));
    expect(await refused(await token())).toBe(403);
    expect(await refused(await token({ aud: "shop", iss: "x" }))).toBe(401);
    expect(
      await refused(`${encode('{"alg":"none"}')}.${encode(JSON.stringify({ iss, aud: "shop" }))}.`),
    ).toBe(401);
    const good = await token({ aud: "shop" });
    expect(await refused(`${good.slice(0, -8)}AAAAAAAA`)).toBe(401);
    expect(requests).toEqual([]);
    expect(await proxy.metric("weft_tokens_refused_total")).toBe(5);
    await eventually(() => proxy.output.includes("jwt_authn_access_denied{Jwt_is_expired}"));
  });

  it("of requests one after another on a connection are each their own", async () => {
    await using proxy = await start({ jwtRules: [rule()], authorization: [requireToken] });
    using client = await TestClient.open(proxy.port("inbound"));
    const one = await token({ aud: "shop" });
    const two = await token({ aud: "shop", sub: "bob" });
    client.send(get("/1", bearer(one)) + get("/2") + get("/3", bearer(two)) + get("/4", bearer(one)));
    const received = await client.responses(4);
    expect([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual([
      "200",
      "403",
      "200",
      "200",
    ]);
    expect(requests.map((each) => /x-user: (\w+)/.exec(each)?.[1])).toEqual(["alice", "bob", "alice"]);
  });

  it("whose client leaves while they are checked leave nothing behind", async () => {
    await using proxy = await start({ jwtRules: [rule()] });
    const port = proxy.port("inbound");
    for (let i = 0; i < 50; i++) {
      using client = await TestClient.open(port);
      client.send(get("/left", bearer(await token({ aud: "shop", jti: i }))));
      client.socket.resetAndDestroy();
    }
    await eventually(async () => (await proxy.metric("weft_connections_open", { side: "inbound" })) === 0);
    expect(statusOf(await exchange(port, get("/", bearer(await token({ aud: "shop" })))))).toBe(200);
    expect(await proxy.metric("weft_internal_errors_total")).toBe(0);
  });

  it("cannot be verified when the keys could not be had, and keys that come later do", async () => {
    await using proxy = await start({ jwtRules: [jwtRule()] });
    const port = proxy.port("inbound");
    const good = await token();
    expect(statusOf(await exchange(port, get("/", bearer(good))))).toBe(401);
    await proxy.configure(objects({ jwtRules: [jwtRule({ jwks: keySet(alice.jwk) })] }));
    await eventually(async () => statusOf(await exchange(port, get("/", bearer(good)))) === 200);
  });

  it("that an application wants to see are forwarded", async () => {
    await using proxy = await start({
      jwtRules: [
        jwtRule({ jwks: keySet(alice.jwk), forwardOriginalToken: true, outputPayloadToHeader: "x-payload" }),
      ],
    });
    const good = await token();
    await exchange(proxy.port("inbound"), get("/", bearer(good), "x-payload: forged"));
    expect(requests.at(-1)).toContain(bearer(good));
    expect(/x-payload: (.*)\r\n/.exec(requests.at(-1) ?? "")?.[1]).toBe(good.split(".")[1]);
  });
});

describe("over HTTP/2", () => {
  it("each stream is judged by its own token, and limits count streams", async () => {
    await using proxy = await start({
      // The application of these tests speaks HTTP/1.
      ports: [{ port: app.port, protocol: "http", mtls: "PERMISSIVE" }],
      jwtRules: [
        jwtRule({
          jwks: keySet(alice.jwk),
          fromCookies: ["session"],
          fromHeaders: [{ name: "authorization", prefix: "Bearer " }],
          outputClaimToHeaders: [{ header: "x-user", claim: "sub" }],
        }),
      ],
      rateLimits: [rateLimit(1, { fillIntervalMs: 3_600_000, paths: ["/few"] })],
    });
    const session = connect(`http://127.0.0.1:${proxy.port("inbound")}`);
    const ask = async (path: string, headers: OutgoingHttpHeaders = {}): Promise<number> => {
      const stream = session.request({ ":path": path, ...headers });
      const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
      stream.resume();
      await once(stream, "close");
      return answer[":status"];
    };
    try {
      const users = ["a", "b", "c"];
      const tokens = await Promise.all(users.map((sub) => token({ sub })));
      const statuses = await Promise.all([
        ...tokens.map((each, i) => ask(`/${users[i]}`, { authorization: `Bearer ${each}` })),
        ask("/bad", { authorization: "Bearer x.y.z" }),
        ask("/cookie", { cookie: ["a=b", `session=${tokens[0]}`] }),
      ]);
      expect(statuses).toEqual([200, 200, 200, 401, 200]);
      for (const user of users)
        expect(requests.find((each) => each.startsWith(`GET /${user} `))).toContain(`x-user: ${user}\r\n`);
      const cookie = requests.find((each) => each.startsWith("GET /cookie "));
      expect(cookie).toContain("cookie: a=b\r\n");
      expect(cookie).not.toContain("session");
      expect([await ask("/few"), await ask("/few")]).toEqual([200, 429]);
    } finally {
      session.destroy();
    }
  });
});

describe("policies by headers", () => {
  it.each([
    ["host", "admin.example", "GET http://admin.example/ HTTP/1.1\r\nhost: web\r\n\r\n"],
    [":authority", "admin.example", "GET / HTTP/1.1\r\nhost: admin.example\r\n\r\n"],
    [":path", "/admin?*", get("/x/../%61dmin?a")],
    [":method", "DELETE", "DELETE / HTTP/1.1\r\nhost: web\r\n\r\n"],
  ])("see of %s what the application gets", async (name, value, request) => {
    const when = [{ key: `request.headers[${name}]`, values: [value], notValues: [] }];
    const policy = {
      name: "p",
      namespace: "demo",
      action: "DENY" as const,
      rules: [{ from: [], to: [], when }],
    };
    await using proxy = await start({ authorization: [policy] });
    expect(statusOf(await exchange(proxy.port("inbound"), get("/")))).toBe(200);
    expect(statusOf(await exchange(proxy.port("inbound"), request))).toBe(403);
  });
});

describe("policies by the original client's address", () => {
  it("believe the proxy in front, and no claim before its entry", async () => {
    const rules = [{ from: [{ remoteIpBlocks: ["192.0.2.0/24"] }], to: [], when: [] }];
    await using proxy = await start({
      authorization: [{ name: "office", namespace: "demo", action: "ALLOW", rules }],
    });
    const ask = async (...headers: string[]) =>
      statusOf(await exchange(proxy.port("inbound"), get("/", ...headers)));
    expect(await ask()).toBe(403);
    expect(await ask("x-forwarded-for: 192.0.2.7")).toBe(200);
    expect(await ask("x-forwarded-for: 192.0.2.7, 198.51.100.1")).toBe(403);
    expect(await ask("x-forwarded-for: 192.0.2.7", "x-forwarded-for: 198.51.100.1")).toBe(403);
  });
});

describe("policies on a dry run", () => {
  it("refuse nothing, and are counted and logged", async () => {
    const policy = (dryRun: "ALLOW" | "DENY", paths: string[]) => ({
      name: dryRun.toLowerCase(),
      namespace: "demo",
      action: "AUDIT" as const,
      dryRun,
      rules: [{ from: [], to: [{ paths }], when: [] }],
    });
    await using proxy = await start({
      authorization: [policy("DENY", ["/x"]), policy("ALLOW", ["/x", "/y"])],
    });
    for (const path of ["/x", "/y", "/z"])
      expect(statusOf(await exchange(proxy.port("inbound"), get(path)))).toBe(200);
    const count = (decision: string) => proxy.metric("weft_authorization_dry_run_total", { decision });
    expect([await count("allowed"), await count("denied")]).toEqual([1, 2]);
    await eventually(() => proxy.output.includes("dry_run_rbac_access_denied_matched_policy[none]"));
    expect(proxy.output).toContain(
      "dry_run_rbac_access_denied_matched_policy[ns[demo]-policy[deny]-rule[0]]",
    );
  });
});

describe("rates", () => {
  it("beyond the limit are refused with 429, and told", async () => {
    const slow = { maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 3_600_000, headersInResponse: true };
    await using proxy = await start({
      rateLimits: [rateLimit(1, { ...slow, name: "RateLimit/demo/api[0]", paths: ["/api/*"] })],
    });
    const port = proxy.port("inbound");
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push(statusOf(await exchange(port, get("/api/x"))));
    expect(statuses).toEqual([200, 200, 429]);
    expect(requests).toHaveLength(2);
    const refused = await exchange(port, get("/api/x"));
    expect(refused).toContain("local_rate_limited");
    expect(refused).toContain("x-ratelimit-limit: 2\r\nx-ratelimit-remaining: 0\r\n");
    expect(await exchange(port, get("/other"))).not.toContain("x-ratelimit");
    expect(await proxy.metric("weft_rate_limited_total", { limit: "RateLimit/demo/api[0]" })).toBe(2);
    await eventually(() => / 429 RL local_rate_limited /.test(proxy.output));

    // Another configuration does not fill the bucket.
    await proxy.configure(
      objects({
        rateLimits: [
          rateLimit(1, { ...slow, name: "RateLimit/demo/api[0]", paths: ["/api/*"] }),
          rateLimit(1, { name: "new", paths: ["/new"], headersInResponse: true }),
        ],
      }),
    );
    await eventually(async () => (await exchange(port, get("/new"))).includes("x-ratelimit"));
    expect(statusOf(await exchange(port, get("/api/x")))).toBe(429);
  });

  it("of the overview's EnvoyFilter are 100 at once", async () => {
    const overview = readFileSync(new URL("../../examples/overview.yaml", import.meta.url), "utf8");
    const filters = manifests(overview).filter(({ kind }) => kind === "EnvoyFilter");
    const { limits } = compileLimits([], filters, { app: "api-gateway" });
    await using proxy = await start({ rateLimits: limits });
    using client = await TestClient.open(proxy.port("inbound"));
    const count = 400;
    const started = performance.now();
    client.send(get("/").repeat(count));
    const received = await client.responses(count, 15_000);
    const refilled = Math.ceil((performance.now() - started) / 10);
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]);
    const taken = statuses.filter((status) => status === "200").length;
    expect(statuses.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => "200"));
    expect(taken).toBeLessThanOrEqual(100 + refilled);
    expect(statuses.filter((status) => status === "429").length).toBe(count - taken);
  });

  it("beyond the limit are told to gRPC clients in their terms", async () => {
    const fields = { fillIntervalMs: 3_600_000 };
    await using proxy = await start({
      rateLimits: [
        rateLimit(1, { ...fields, paths: ["/a/*"] }),
        rateLimit(1, { ...fields, name: "exhausted", paths: ["/b/*"], grpcResourceExhausted: true }),
      ],
    });
    const ask = async (path: string) => {
      const call = `POST ${path} HTTP/1.1\r\nhost: web\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n`;
      return exchange(proxy.port("inbound"), call);
    };
    for (const path of ["/a/M", "/b/M"]) await ask(path);
    expect(await ask("/a/M")).toMatch(/^HTTP\/1.1 200 [\s\S]*grpc-status: 14\r\n/);
    expect(await ask("/b/M")).toMatch(/^HTTP\/1.1 200 [\s\S]*grpc-status: 8\r\n/);
  });

  it("of one client do not count against another", async () => {
    const key = [{ kind: "header" as const, name: "x-client" }];
    await using proxy = await start({
      rateLimits: [rateLimit(1, { fillIntervalMs: 3_600_000, key })],
    });
    const ask = async (client: string) =>
      statusOf(await exchange(proxy.port("inbound"), get("/", `x-client: ${client}`)));
    expect([await ask("a"), await ask("b"), await ask("a"), await ask("b")]).toEqual([200, 200, 429, 429]);
  });
});
