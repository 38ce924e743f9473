import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CompiledJson, workloadObject } from "../../proxy/config/testdata.ts";
import { exchange, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { IDENTITY_FILES, type ProxyFile, TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { certificateAt, fingerprintOf, TestAuthority } from "../support/workload-identity.ts";

/** `DIR/proxy/proxy.json` as it changes under a running proxy: by one process and by three. */
const GET = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
const ANY = "127.0.0.1:0";
const example = join(import.meta.dirname, "../../examples/standalone");

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

const to = (server: TestServer, listen = ANY) => ({ listen, destination: `127.0.0.1:${server.port}` });
const start = (file: ProxyFile, args: readonly string[] = []) =>
  TestProxy.start({ file, objects: [workloadObject("demo", "client")], args });

describe.each([
  ["of one process", []],
  ["of three processes", ["--concurrency", "3"]],
])("the listeners of a proxy %s", (_, args) => {
  it("open and end while it runs, and what goes ends no connection", async () => {
    await using proxy = await start({ outbound: [to(one)], admin: ANY }, args);
    const before = proxy.port("outbound");
    using old = await TestClient.open(before);
    await old.send(GET).responses(1);

    await proxy.reconfigure({ outbound: [to(one), to(two)], admin: ANY });
    const added = await proxy.listening(1);
    expect([added.outbound, added.admin]).toEqual([before, proxy.port("admin")]);
    for (let call = 0; call < 6; call++) expect(await exchange(added.outbound1 ?? 0, GET)).toContain("two");

    await proxy.reconfigure({ outbound: [to(two)], readiness: ANY });
    const removed = await proxy.listening(2);
    expect(removed.outbound).toBe(added.outbound1);
    expect(
      await exchange(removed.readiness ?? 0, "GET /healthz/ready HTTP/1.1\r\nHost: a\r\n\r\n"),
    ).toContain("200 OK");
    for (const gone of [before, proxy.port("admin")]) {
      await eventually(async () => {
        using late = await TestClient.open(gone);
        return late.ended === "reset";
      });
    }
    expect(await old.send(GET).responses(2)).toMatch(/one.*one$/s);
  });

  it("take another destination for the connections to come", async () => {
    await using proxy = await start({ outbound: [to(one)], admin: ANY }, args);
    using old = await TestClient.open(proxy.port("outbound"));
    await old.send(GET).responses(1);
    await proxy.reconfigure({ outbound: [to(two)], admin: ANY });
    expect((await proxy.listening(1)).outbound).toBe(proxy.port("outbound"));
    for (let call = 0; call < 6; call++) expect(await exchange(proxy.port("outbound"), GET)).toContain("two");
    expect(await old.send(GET).responses(2)).toMatch(/one.*one$/s);
  });

  it("stay when the file cannot be used or an address cannot be had, which the log explains", async () => {
    await using proxy = await start({ outbound: [to(one)], admin: ANY }, args);
    const works = async () => expect(await exchange(proxy.port("outbound"), GET)).toContain("one");
    const explains = (text: string) =>
      eventually(
        () => proxy.log.includes(text),
        5_000,
        () => proxy.log,
      );

    await proxy.reconfigure('{\n  "outbound": [],\n}');
    await explains(`line 3, column 1: expected a member's name in quotes after the comma, found \\"}\\"`);
    await works();

    await proxy.reconfigure({ outbound: [{ listen: "15001" }] });
    await explains("outbound[0].listen: expected HOST:PORT as 127.0.0.1:15001 or [::1]:15001");
    await works();

    const inUse = to(two, `127.0.0.1:${one.port}`);
    await proxy.reconfigure({ outbound: [to(two), inUse], admin: ANY });
    await explains(`outbound1: cannot listen on 127.0.0.1:${one.port}: the address is in use`);
    await works();

    await proxy.reconfigure({ outbound: [to(two)], admin: ANY });
    await proxy.listening(1);
    expect(await exchange(proxy.port("outbound"), GET)).toContain("two");
  });

  it("take mutual TLS and a certificate as they come, and its successor", async () => {
    const authority = await TestAuthority.create();
    const first = await authority.issue("web");
    await using proxy = await start({ outbound: [to(one)], admin: ANY }, args);
    const mutual = { outbound: [to(one)], admin: ANY, mutual: ANY, identity: IDENTITY_FILES };
    await proxy.reconfigure(mutual);
    await eventually(() => proxy.log.includes("identity.certificate: cannot read "));

    await proxy.identify(first);
    const { mutual: port = 0 } = await proxy.listening(1);
    expect(await certificateAt(port)).toBe(fingerprintOf(first));

    const second = await authority.issue("web");
    await proxy.identify(second);
    await eventually(async () => (await certificateAt(port)) === fingerprintOf(second));

    await proxy.reconfigure({ outbound: [to(one)], admin: ANY });
    expect(await proxy.listening(2)).not.toHaveProperty("mutual");
    await eventually(async () => {
      using late = await TestClient.open(port);
      return late.ended === "reset";
    });
  });
});

describe("a worker that dies after a change", () => {
  it("is followed by one that listens as the others, whatever the file has become", async () => {
    await using proxy = await start({ outbound: [to(one)], admin: ANY }, ["--concurrency", "2"]);
    await proxy.reconfigure({ outbound: [to(one), to(two)], admin: ANY });
    const { outbound1: port = 0 } = await proxy.listening(1);
    await proxy.reconfigure("{");
    await eventually(() => proxy.log.includes("a change is not applied"));
    const [victim = 0] = await proxy.workers();
    process.kill(victim, "SIGKILL");
    await eventually(async () => {
      const workers = await proxy.workers();
      return workers.length === 2 && !workers.includes(victim);
    });
    await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${proxy.port("admin")}/healthz/ready`);
      return response.status === 200;
    });
    for (let call = 0; call < 10; call++) expect(await exchange(port, GET)).toContain("two");
  });
});

describe("examples/standalone", () => {
  it("splits calls between two servers as it says", async () => {
    const file = JSON.parse(await readFile(join(example, "proxy/proxy.json"), "utf8")) as ProxyFile;
    const objects = (await readFile(join(example, "web.json"), "utf8"))
      .replace("8081", String(one.port))
      .replace("8082", String(two.port));
    await using proxy = await TestProxy.start({
      // Its own ports may be in use where tests run.
      file: { ...file, outbound: file.outbound?.map((each) => ({ ...each, listen: ANY })) ?? [], admin: ANY },
      objects: (JSON.parse(objects) as { items: CompiledJson[] }).items,
    });
    const answers = new Set<string>();
    await eventually(async () => {
      answers.add((await exchange(proxy.port("outbound"), GET)).slice(-3));
      return answers.size === 2;
    });
    expect([...answers].sort()).toEqual(["one", "two"]);
  });
});
