import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workloadObject } from "../../proxy/config/testdata.ts";
import { LIMITED } from "../support/bun.ts";
import { exchange, statusOf } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { TestAuthority } from "../support/workload-identity.ts";

/** `concurrency: N`: several processes behind the same ports, which look like one proxy. */
const GET = "GET /x HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
let server: TestServer;
let proxy: TestProxy;

beforeAll(async () => {
  server = await TestServer.start(application(() => ok("hello")));
  proxy = await start("3");
});
afterAll(async () => {
  for (const each of [proxy, server]) await each?.[Symbol.asyncDispose]();
});

async function start(concurrency: string): Promise<TestProxy> {
  return await TestProxy.start({
    file: {
      outbound: [{ listen: "127.0.0.1:0", destination: `127.0.0.1:${server.port}` }],
      mutual: "127.0.0.1:0",
      admin: "127.0.0.1:0",
      readiness: "127.0.0.1:0",
    },
    identity: await (await TestAuthority.create()).issue("web"),
    objects: [workloadObject("demo", "client")],
    args: ["--concurrency", concurrency],
  });
}

async function call(count: number): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => exchange(proxy.port("outbound"), GET)),
  );
  for (const answer of answers) expect(statusOf(answer)).toBe(200);
}

const ready = async () =>
  statusOf(
    await exchange(
      proxy.port("readiness"),
      "GET /healthz/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ),
  );

describe("a proxy of three processes", () => {
  it("is ready when all are, shares its connections among them, and adds their metrics up", async () => {
    expect(await proxy.workers()).toHaveLength(3);
    expect(await ready()).toBe(200);
    await call(60);
    await eventually(
      async () => (await proxy.metric("istio_requests_total", { response_code: "200" })) === 60,
    );
    expect(await proxy.metric("weft_connections_total", { side: "outbound", protocol: "http" })).toBe(60);
    expect(await proxy.metric("weft_config_objects")).toBe(1);
  });

  it("shares its memory among them", async () => {
    const told = `BUN_JSC_forceRAMSize=${Math.floor(Number(LIMITED.BUN_JSC_forceRAMSize) / 3)}`;
    for (const pid of await proxy.workers())
      expect((await readFile(`/proc/${pid}/environ`, "utf8")).split("\0")).toContain(told);
  });

  it("starts another when one dies, and goes on meanwhile", async () => {
    const [victim = 0] = await proxy.workers();
    process.kill(victim, "SIGKILL");
    await eventually(async () => {
      const workers = await proxy.workers();
      return workers.length === 3 && !workers.includes(victim);
    });
    await eventually(async () => (await ready()) === 200, 15_000);
    await call(30);
  });

  it("drains them all, and ends when the last has", async () => {
    const workers = await proxy.workers();
    expect(await proxy.stop()).toBe(0);
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
  });
});

describe("the workers of a supervisor that is killed", () => {
  it("end as well", async () => {
    await using orphaned = await start("2");
    const workers = await orphaned.workers();
    await orphaned.stop("SIGKILL");
    const alive = (pid: number) => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await eventually(() => !workers.some(alive), 10_000);
  });
});

describe("a proxy of one process", () => {
  it("is exactly one", async () => {
    await using one = await start("1");
    expect(await one.workers()).toEqual([]);
  });

  it("is refused for a number of processes that is none", async () => {
    await expect(start("many")).rejects.toThrow(
      '--concurrency: expected a whole number from 0 (one a core) to 256, found "many"',
    );
  });
});
