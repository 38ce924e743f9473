import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClusterPolicy, LoadBalancer, OutlierDetection } from "../../crds/service-config.ts";
import { hashString } from "../../proxy/balance/hash.ts";
import { Maglev } from "../../proxy/balance/maglev.ts";
import {
  type CompiledJson,
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  subset,
  view,
} from "../../proxy/config/testdata.ts";
import { statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { CALLS_WEB, webAt, webObjects } from "../support/web.ts";

/** Real proxies in front of several backends: where requests land under each policy. */

/** A backend with a name; what it does is replaced by tests. */
class Backend implements AsyncDisposable {
  readonly name: string;
  readonly server: TestServer;
  /** Requests so far. */
  requests = 0;
  status = 200;
  delayMs = 0;
  /** What it does when a response has begun. */
  fault: "none" | "hangs" | "breaks off" = "none";

  private constructor(name: string, server: TestServer) {
    this.name = name;
    this.server = server;
  }

  static async start(name: string, host = "127.0.0.1", port = 0): Promise<Backend> {
    const server = await TestServer.start(
      application((_request, socket) => {
        backend.requests++;
        if (backend.fault !== "none") {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n${backend.name}`);
          if (backend.fault === "breaks off") socket.end();
          return undefined;
        }
        const response =
          backend.status === 200
            ? ok(backend.name)
            : `HTTP/1.1 ${backend.status} No\r\ncontent-length: 0\r\n\r\n`;
        if (backend.delayMs === 0) return response;
        setTimeout(() => socket.write(response), backend.delayMs);
        return undefined;
      }),
      host,
      port,
    );
    const backend = new Backend(name, server);
    return backend;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

interface Setup {
  readonly loadBalancer?: Partial<LoadBalancer>;
  readonly outlierDetection?: OutlierDetection;
  readonly protocol?: "http" | "tcp";
  readonly backends?: readonly Backend[];
  readonly localities?: Readonly<Record<string, string>>;
  readonly retries?: boolean;
  readonly weights?: Readonly<Record<string, number>>;
  /** Where the client's like are. */
  readonly zones?: readonly { readonly zone: string; readonly pods: number }[];
}

let backends: Backend[] = [];
let proxy: TestProxy | undefined;
const names = () => backends.map(({ name }) => name);

beforeEach(async () => {
  backends = await Promise.all(["a", "b", "c", "d"].map((name) => Backend.start(name)));
});
afterEach(async () => {
  await proxy?.[Symbol.asyncDispose]();
  proxy = undefined;
  await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
});

const outlier = (fields: Partial<OutlierDetection> = {}): OutlierDetection => ({
  consecutive5xxErrors: 3,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 100,
  baseEjectionTimeMs: 400,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  httpErrorCodes: [],
  ...fields,
});

function objects(setup: Setup): CompiledJson[] {
  const { loadBalancer, outlierDetection, protocol = "http", localities = {}, weights = {} } = setup;
  const policy: Partial<ClusterPolicy> = {
    loadBalancer: { simple: "ROUND_ROBIN", ...loadBalancer },
    ...(outlierDetection && { outlierDetection }),
  };
  const none = {
    attempts: 0,
    retryOn: [],
    retriableStatusCodes: [],
    backoffMs: 25,
    retryRemoteLocalities: false,
    ignorePreviousHosts: true,
  };
  const route = {
    ...forward(destination("demo", "web")),
    ...(setup.retries === true ? {} : { retries: none }),
  };
  const endpoints = (setup.backends ?? backends).map(({ name, server }) =>
    webAt(server.port, {
      weight: weights[name] ?? 1,
      ...(localities[name] === undefined ? {} : { locality: localities[name] }),
    }),
  );
  const labels = { app: "client", "topology.istio.io/locality": "eu.a" };
  return webObjects(endpoints, {
    ports: [{ port: 80, protocol }],
    service: {
      common: view({ http: protocol === "http" ? [route] : [], clusters: [subset("", policy)] }),
    },
    client: {
      workload: { name: "client", namespace: "demo", kind: "Deployment", labels },
      ...(setup.zones && { zones: [...setup.zones] }),
    },
  });
}

async function start(setup: Setup): Promise<TestProxy> {
  proxy = await TestProxy.start({
    file: CALLS_WEB,
    objects: objects(setup),
  });
  return proxy;
}

/** Applies a change and waits until it is in force. */
async function change(setup: Setup): Promise<void> {
  const before = await proxy?.metric("weft_config_changes_total");
  await proxy?.configure(objects(setup));
  await eventually(async () => (await proxy?.metric("weft_config_changes_total")) !== before);
}

interface Answer {
  readonly status: number;
  /** The backend's name. */
  readonly body: string;
  readonly text: string;
}

/** One request after another on a connection. */
async function ask(count: number, line = "GET /", headers = "", from = "127.0.0.1"): Promise<Answer[]> {
  using client = await TestClient.open(proxy?.port("outbound") ?? 0, "127.0.0.1", from);
  const answers: Answer[] = [];
  let read = 0;
  for (let i = 0; i < count; i++) {
    client.send(`${line} HTTP/1.1\r\nHost: web\r\n${headers}\r\n`);
    const all = await client.responses(i + 1);
    const text = all.slice(read);
    read = all.length;
    answers.push({ status: statusOf(text), body: text.slice(text.indexOf("\r\n\r\n") + 4), text });
  }
  return answers;
}

const cluster = "outbound|80||web.demo.svc.cluster.local";
const ejected = () => proxy?.metric("weft_outlier_ejected", { cluster });
const bodies = (answers: readonly Answer[]) => answers.map(({ body }) => body);
const count = (all: readonly string[], name: string) => all.filter((each) => each === name).length;

describe("balancing", () => {
  it("goes round in turn, by weight", async () => {
    await start({ loadBalancer: { simple: "ROUND_ROBIN" }, weights: { a: 3 } });
    const got = bodies(await ask(60));
    expect(names().map((name) => count(got, name))).toEqual([30, 10, 10, 10]);
  });

  it("reaches everyone at random", async () => {
    await start({ loadBalancer: { simple: "RANDOM" } });
    const got = bodies(await ask(200));
    // 200 draws leave one of four out once in 10^24.
    for (const name of names()) expect(count(got, name)).toBeGreaterThan(10);
  });

  it("turns to the least busy and fastest, after everyone has been asked", async () => {
    await start({ loadBalancer: { simple: "LEAST_REQUEST" } });
    const [slow] = backends as [Backend];
    // Slower than a machine that stands still for a moment makes another.
    slow.delayMs = 2_000;
    const got = bodies(await ask(200));
    expect(count(got, "a")).toBeLessThan(20);
    expect(new Set(got).size).toBe(4);
  });

  it("keeps its turn and its knowledge when the configuration changes nothing of the cluster", async () => {
    await start({ loadBalancer: { simple: "ROUND_ROBIN" } });
    const first = bodies(await ask(2));
    const setup = { loadBalancer: { simple: "ROUND_ROBIN" } } as const;
    await proxy?.configure([...objects(setup), serviceObject("demo", "other")]);
    await eventually(async () => (await proxy?.metric("weft_config_changes_total")) === 2);
    const second = bodies(await ask(2));
    expect(new Set([...first, ...second]).size).toBe(4);
  });
});

describe.each(["RING_HASH", "MAGLEV"] as const)("consistent hashing with %s", (algorithm) => {
  const size = algorithm === "RING_HASH" ? 1024 : 65_537;
  const users = Array.from({ length: 80 }, (_, i) => `user-${i}`);
  const homes = async (headers: (user: string) => string, line = (_user: string) => "GET /") => {
    const found: string[] = [];
    for (const user of users) found.push(bodies(await ask(1, line(user), headers(user))).join());
    return found;
  };

  /** Maglev moves others, too: a few as a rule, and a third of them for one set of ports in tens of thousands. */
  const maglevHomes = (members: readonly Backend[]) => {
    const at = members.map(({ server }) => ({ address: "127.0.0.1", target: server.port, weight: 1 }));
    const table = new Maglev(at, size);
    return users.map((user) => members[table.owner(table.slotOf(hashString(user)))]?.name);
  };

  it("keeps who is told by a header on one endpoint, and moves only those of one that goes", async () => {
    const loadBalancer = { consistentHash: { header: "x-user", algorithm, size } };
    await start({ loadBalancer });
    const header = (user: string) => `X-User: ${user}\r\n`;
    const before = await homes(header);
    expect(await homes(header)).toEqual(before);
    expect(new Set(before).size).toBe(4);
    const left = backends.slice(1);
    await change({ loadBalancer, backends: left });
    const after = await homes(header);
    const moved = (to: readonly (string | undefined)[]) =>
      before.filter((home, i) => home !== "a" && home !== to[i]).length;
    expect(moved(after)).toBe(algorithm === "RING_HASH" ? 0 : moved(maglevHomes(left)));
    expect(after).not.toContain("a");
    await change({ loadBalancer });
    expect(await homes(header)).toEqual(before);
  });

  it("hashes a query parameter, and sends requests without one anywhere", async () => {
    await start({ loadBalancer: { consistentHash: { queryParameter: "user", algorithm, size } } });
    const line = (user: string) => `GET /?x=1&user=${user}`;
    const before = await homes(() => "", line);
    expect(await homes(() => "", line)).toEqual(before);
    expect(new Set(before).size).toBe(4);
    expect(new Set(bodies(await ask(60))).size).toBe(4);
  });

  it("hashes the client's address", async () => {
    await start({ loadBalancer: { consistentHash: { sourceIp: true, algorithm, size } } });
    const hosts = Array.from({ length: 80 }, (_, i) => `127.0.1.${i + 1}`);
    const homeOf = async (host: string) => [...new Set(bodies(await ask(3, "GET /", "", host)))];
    const found = await Promise.all(hosts.map(homeOf));
    for (const home of found) expect(home.length).toBe(1);
    expect(new Set(found.flat()).size).toBe(4);
  });
});

describe("a cookie", () => {
  const cookiePolicy = (cookie: { name: string; path?: string; ttlMs?: number }) => ({
    loadBalancer: { consistentHash: { cookie, algorithm: "RING_HASH", size: 1024 } as const },
  });
  const cookieOf = ({ text }: Answer) => /\r\nset-cookie: ([^\r]*)\r\n/i.exec(text)?.[1];

  it("is made up with its life and path, and keeps the client where it went", async () => {
    await start(cookiePolicy({ name: "sticky", path: "/shop", ttlMs: 90_000 }));
    const given = await ask(20);
    expect(new Set(given.map(cookieOf)).size).toBe(20);
    for (const answer of given) {
      expect(cookieOf(answer)).toMatch(/^sticky=[0-9a-f]{16}; Max-Age=90; Path=\/shop; HttpOnly$/);
      const [pair] = (cookieOf(answer) ?? "").split(";");
      const again = await ask(2, "GET /", `Cookie: other=1; ${pair}\r\n`);
      expect(bodies(again)).toEqual([answer.body, answer.body]);
      expect(again.map(cookieOf)).toEqual([undefined, undefined]);
    }
    expect(new Set(bodies(given)).size).toBeGreaterThan(1);
  });

  it("without a life is the session's", async () => {
    await start(cookiePolicy({ name: "s", ttlMs: 0 }));
    expect((await ask(1)).map(cookieOf)[0]).toMatch(/^s=[0-9a-f]{16}; HttpOnly$/);
  });

  it("that the policy gives no time is only read", async () => {
    await start(cookiePolicy({ name: "mine" }));
    const anywhere = await ask(60);
    expect(new Set(bodies(anywhere)).size).toBe(4);
    expect(new Set(anywhere.map(cookieOf))).toEqual(new Set([undefined]));
    expect(new Set(bodies(await ask(10, "GET /", "Cookie: mine=me\r\n"))).size).toBe(1);
  });
});

describe("outlier detection", () => {
  it("sets a failing endpoint aside, and takes it back after its time", async () => {
    await start({ outlierDetection: outlier({ baseEjectionTimeMs: 2_000 }) });
    const [bad] = backends as [Backend];
    bad.status = 500;
    const failures = (await ask(16)).filter(({ status }) => status === 500).length;
    expect(failures).toBe(3);
    expect(await ejected()).toBe(1);
    expect(await proxy?.metric("weft_outlier_ejections_total", { cluster })).toBe(1);
    bad.status = 200;
    await eventually(async () => (await ejected()) === 0);
    expect(bodies(await ask(8))).toContain("a");
  });

  it("knows who is out when the configuration changes", async () => {
    const setup = { outlierDetection: outlier({ baseEjectionTimeMs: 60_000 }) };
    await start(setup);
    (backends[0] as Backend).status = 503;
    await ask(16);
    await change({ ...setup, backends: backends.slice(0, 3) });
    const got = await ask(20);
    expect(got.map(({ status }) => status)).not.toContain(503);
    expect(new Set(bodies(got))).toEqual(new Set(["b", "c"]));
  });

  it.each(["", "Content-Type: application/grpc\r\n"])(
    "counts responses that endpoints break off, not those that clients do (%j)",
    async (headers) => {
      await start({ outlierDetection: outlier({ baseEjectionTimeMs: 60_000 }) });
      const [bad] = backends as [Backend];
      /** Requests that their clients leave once they have the beginning of a response. */
      const askAndLeave = async (count: number) => {
        for (let i = 0; i < count; i++) {
          using client = await TestClient.open(proxy?.port("outbound") ?? 0);
          client.send(`GET / HTTP/1.1\r\nHost: web\r\n${headers}\r\n`);
          await client.until((text) => /\r\n\r\n[abcd]/.test(text));
        }
      };
      bad.fault = "hangs";
      await askAndLeave(16);
      await eventually(() => bad.server.sockets.every(({ closed }) => closed));
      expect(await ejected()).toBe(0);
      bad.fault = "breaks off";
      await askAndLeave(16);
      expect(await ejected()).toBe(1);
      expect(bad.requests).toBe(4 + 3);
    },
  );

  it("counts endpoints that take no connection", async () => {
    const gone = backends[0] as Backend;
    await start({ outlierDetection: outlier({ baseEjectionTimeMs: 60_000 }) });
    await gone.server[Symbol.asyncDispose]();
    const statuses = (await ask(40)).map(({ status }) => status);
    expect(count(statuses.map(String), "503")).toBe(3);
    backends[0] = await Backend.start("a");
  });

  it("counts connections that an opaque service does not take", async () => {
    const gone = backends[0] as Backend;
    await start({ protocol: "tcp", outlierDetection: outlier({ baseEjectionTimeMs: 60_000 }) });
    await gone.server[Symbol.asyncDispose]();
    for (let i = 0; i < 16; i++) expect((await ask(1))[0]?.status).toBe(200);
    expect(await ejected()).toBe(1);
    expect(await proxy?.metric("weft_dial_failures_total", { side: "outbound" })).toBe(3);
    backends[0] = await Backend.start("a");
  });

  it("answers 503 UH when everyone is out, unless that is a panic", async () => {
    const setup = outlier({ consecutive5xxErrors: 1, baseEjectionTimeMs: 60_000 });
    await start({ outlierDetection: setup });
    for (const backend of backends) backend.status = 500;
    const answers = await ask(6);
    expect(answers.map(({ status }) => status)).toEqual([500, 500, 500, 500, 503, 503]);
    expect(answers[5]?.body).toContain("no healthy upstream");
    await change({ outlierDetection: { ...setup, minHealthPercent: 50 } });
    expect((await ask(2)).map(({ status }) => status)).toEqual([500, 500]);
    expect(await proxy?.metric("weft_outlier_panics_total", { cluster })).toBe(2);
  });

  it("lets at least one of several out, whatever the percentage", async () => {
    await start({ outlierDetection: outlier({ maxEjectionPercent: 10, baseEjectionTimeMs: 60_000 }) });
    for (const backend of backends) backend.status = 500;
    await ask(40);
    expect(await ejected()).toBe(1);
  });
});

describe("locality", () => {
  const localities = { a: "eu/a", b: "eu/a", c: "eu/b", d: "us/x" };
  const near = { enabled: true, distribute: [], failover: [], failoverPriority: [] };

  it("keeps requests near until those near fail", async () => {
    await start({
      localities,
      loadBalancer: { locality: near },
      outlierDetection: outlier({ consecutive5xxErrors: 1, baseEjectionTimeMs: 60_000 }),
    });
    expect(new Set(bodies(await ask(20)))).toEqual(new Set(["a", "b"]));
    for (const backend of backends.slice(0, 2)) backend.status = 500;
    // With one of the two out, three in ten go to the other zone by chance: asked until both are out.
    let asked = 0;
    while ((await ejected()) !== 2 && asked++ < 100) await ask(1);
    // The other zone of the region before other regions.
    expect(new Set(bodies(await ask(20)))).toEqual(new Set(["c"]));
    (backends[2] as Backend).status = 500;
    await ask(1);
    expect(new Set(bodies(await ask(20)))).toEqual(new Set(["d"]));
  });

  it("sends a retry further when nobody near is left", async () => {
    await start({ localities, loadBalancer: { locality: near }, retries: true });
    for (const backend of backends.slice(0, 2)) await backend.server[Symbol.asyncDispose]();
    expect(new Set(bodies(await ask(10)))).toEqual(new Set(["c"]));
    for (const i of [0, 1]) backends[i] = await Backend.start("gone");
  });

  it("has the shares that a rule gives", async () => {
    const distribute = [{ from: "eu/a/*", to: { "eu/a/*": 50, "us/*": 50 } }];
    await start({ localities, loadBalancer: { locality: { ...near, distribute } } });
    const got = bodies(await ask(300));
    expect(got).not.toContain("c");
    // Six standard deviations.
    expect(Math.abs(count(got, "d") - 150)).toBeLessThan(52);
    expect(Math.abs(count(got, "a") - count(got, "b"))).toBeLessThanOrEqual(1);
  });

  it("keeps to the zone as far as its share of the endpoints carries the clients there", async () => {
    const locality = { ...near, zoneAware: { minClusterSize: 3 } };
    const zonesWith = (own: number, other: number) => [
      { zone: "eu/a", pods: own },
      { zone: "eu/b", pods: other },
    ];
    const setup = { localities, loadBalancer: { locality } };
    await start({ ...setup, zones: zonesWith(2, 1) });
    // Two of the region's three endpoints, two of the three clients.
    expect(new Set(bodies(await ask(50)))).toEqual(new Set(["a", "b"]));
    // All clients are here: a third of what they ask is more than two endpoints' share.
    await change({ ...setup, zones: zonesWith(3, 0).slice(0, 1) });
    const got = bodies(await ask(300));
    expect(got).not.toContain("d");
    // Six standard deviations.
    expect(Math.abs(count(got, "c") - 100)).toBeLessThan(49);
    await change({ ...setup, loadBalancer: { locality: { ...near, zoneAware: { minClusterSize: 4 } } } });
    expect(count(bodies(await ask(30)), "c")).toBe(10);
  });
});

describe("slow start", () => {
  it("gives an endpoint that comes later little at first", async () => {
    const loadBalancer = {
      simple: "ROUND_ROBIN",
      warmup: { durationMs: 60_000, minimumPercent: 10, aggression: 1 },
    } as const;
    await start({ loadBalancer, backends: backends.slice(0, 3) });
    expect(count(bodies(await ask(60)), "c")).toBe(20);
    await change({ loadBalancer });
    const got = bodies(await ask(93));
    expect(count(got, "d")).toBeGreaterThanOrEqual(2);
    expect(count(got, "d")).toBeLessThanOrEqual(5);
  });
});

describe("PASSTHROUGH", () => {
  it("goes to the endpoint that was addressed", async () => {
    const [first] = backends as [Backend];
    const { port } = first.server;
    const second = await Backend.start("second", "127.0.0.2", port);
    backends.push(second);
    const at = (address: string) => endpoint(address, { ports: [{ port: 80, target: port }] });
    proxy = await TestProxy.start({
      file: { outbound: [{ listen: "127.0.0.1:0", destination: "127.0.0.2:80" }], admin: "127.0.0.1:0" },
      objects: [
        ...objects({ loadBalancer: { simple: "PASSTHROUGH" } }),
        indexObject("demo", [entry("demo", "web", { addresses: ["10.0.0.1", "127.0.0.2"] })]),
        endpointsObject("demo", "web", [at("127.0.0.1"), at("127.0.0.2")]),
      ],
    });
    expect(new Set(bodies(await ask(20)))).toEqual(new Set(["second"]));
  });
});
