import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workloadObject } from "../../proxy/config/testdata.ts";
import { mostIdlePeers } from "../../proxy/stacks/idle-peers.ts";
import { LIMITED } from "../support/bun.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { connectAs, TestAuthority, type TestIdentity } from "../support/workload-identity.ts";

/** Thousands of clients of one server, each with a connection of its own by mutual TLS: what its proxy holds for those that are idle. */
const address = "127.0.4.2";
const PEERS = 10_000;
/** Handshakes at a time. */
const AT_ONCE = 8;
/** Of a sidecar by default. */
const LIMIT_MB = 128;
const MOST = mostIdlePeers(Number(LIMITED.BUN_JSC_forceRAMSize));

let app: TestServer;
let proxy: TestProxy;
let client: TestIdentity;

beforeAll(async () => {
  app = await TestServer.start(
    application(() => ok("hello")),
    address,
  );
  const authority = await TestAuthority.create();
  const ports = [{ port: app.port, protocol: "http", mtls: "STRICT" }] as const;
  proxy = await TestProxy.start({
    file: { mutual: `${address}:15008`, admin: "127.0.0.1:0" },
    identity: await authority.issue("web"),
    objects: [workloadObject("demo", "web", { mtls: "STRICT", ports })],
  });
  client = await authority.issue("client");
});
afterAll(async () => {
  for (const each of [proxy, app]) await each?.[Symbol.asyncDispose]();
});

/** A connection over which nothing has been said. */
async function connectPeer(): Promise<TLSSocket> {
  const socket = connectAs(client, address, app.port, {
    ca: client.trust,
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  return socket;
}

async function ask(socket: TLSSocket): Promise<void> {
  socket.write("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString("latin1", 0, 15)).toBe("HTTP/1.1 200 OK");
}

const openNow = () => proxy.metric("weft_connections_open", { side: "inbound" });

describe(`${PEERS} peers that ask once and stay`, () => {
  it("fit a sidecar's memory: beyond what it has room for, the oldest are ended in order", async () => {
    const before = proxy.anonymousMegabytes();
    const ended: number[] = [];
    const broken: string[] = [];
    const sockets: TLSSocket[] = [];
    let next = 0;
    let most = 0;
    const some = async () => {
      while (next < PEERS) {
        const at = next++;
        const socket = await connectPeer();
        sockets[at] = socket;
        socket.on("error", (error) => broken.push(error.message));
        socket.once("end", () => ended.push(at));
        await ask(socket);
        if (at % 500 === 0) most = Math.max(most, proxy.anonymousMegabytes());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
    most = Math.max(most, proxy.anonymousMegabytes());
    await eventually(async () => (await openNow()) <= MOST);
    const kilobytes = ((most - before) * 1024) / MOST;
    console.log(
      `${most.toFixed(0)} MB at most, ${before.toFixed(0)} before, ${kilobytes.toFixed(1)} KB for each that stays; ${ended.length} ended`,
    );
    expect(most).toBeLessThan(LIMIT_MB);
    expect(broken, "ended, not reset").toEqual([]);
    await eventually(
      () => ended.length === PEERS - MOST,
      5_000,
      () => `${ended.length} were ended`,
    );
    expect(await proxy.metric("weft_idle_peers_ended_total")).toBe(PEERS - MOST);
    // In order but for those that connected side by side.
    expect(Math.max(...ended)).toBeLessThan(PEERS - MOST + AT_ONCE);
    await ask(sockets[PEERS - 1] as TLSSocket);
    await ask(sockets[PEERS - MOST + AT_ONCE] as TLSSocket);
    for (const each of sockets) each.destroy();
    // A minute of two cores, and more when others have most of them.
  }, 400_000);

  it("leave nothing behind, nor keep a new one from being served", async () => {
    await eventually(async () => (await openNow()) === 0, 10_000);
    const socket = await connectPeer();
    await ask(socket);
    socket.destroy();
  });
});
