import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workloadObject } from "../../proxy/config/testdata.ts";
import { exchange, statusOf } from "../support/client.ts";
import * as h2 from "../support/http2-frames.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { inFrontOf } from "../support/web.ts";

/**
 * Clients that mean harm, at the side that strangers reach: each is bounded in memory and CPU, and the others are served meanwhile.
 * The application answers at once with a large body, so that whoever does not read leaves it in the proxy's hands.
 */
const large = "x".repeat(256 * 1024);
/** MB of its own memory: far enough from the 128 MiB that a sidecar may have, whatever the attacks before left behind. */
const bound = 96;
let app: TestServer;
let proxy: TestProxy;
let port: number;

beforeAll(async () => {
  app = await TestServer.start(
    application((request) => ok(request.startsWith("GET /large") ? large : "hello")),
  );
  proxy = await TestProxy.start({
    file: inFrontOf(app.port),
    objects: [
      workloadObject("demo", "web", { ports: [{ port: app.port, protocol: "auto", mtls: "PERMISSIVE" }] }),
    ],
  });
  port = proxy.port("inbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});

/** An honest client's request, on a connection of its own. */
async function served(): Promise<void> {
  const answer = await exchange(port, "GET /honest HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
  expect(statusOf(answer)).toBe(200);
}

/** Honest clients are served all along, and the proxy's memory stays bounded. */
async function holdsWhile(attack: Promise<unknown>): Promise<void> {
  let over = false;
  const ended = attack.then(
    () => undefined,
    (error: unknown) => error,
  );
  void ended.then(() => {
    over = true;
  });
  let most = 0;
  do {
    await served();
    most = Math.max(most, proxy.anonymousMegabytes());
  } while (!over);
  expect(await ended).toBeUndefined();
  await served();
  expect(most, "MB").toBeLessThan(bound);
}

describe("slowhttptest", () => {
  const seconds = 6;
  const url = () => `http://127.0.0.1:${port}`;
  it.each([
    ["slow headers", () => ["-H", "-i", "1", "-u", `${url()}/`]],
    ["slow bodies", () => ["-B", "-i", "1", "-s", "8192", "-x", "10", "-u", `${url()}/`]],
    [
      "slow readers",
      () => ["-X", "-w", "1", "-y", "2", "-z", "1", "-n", "1", "-k", "3", "-u", `${url()}/large`],
    ],
  ])("%s", async (_name, args) => {
    const child = spawn("slowhttptest", [...args(), "-c", "500", "-r", "250", "-l", String(seconds)], {
      stdio: "ignore",
    });
    await holdsWhile(exited(child));
    expect(proxy.running).toBe(true);
  });
});

async function exited(child: ChildProcess): Promise<void> {
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  // Its status says only whether the target stopped answering it.
  expect(signal).toBeNull();
  expect(code).not.toBe(127);
}

describe("heads without end", () => {
  it("of 100,000 headers are refused", async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `X-${i}: y\r\n`).join("");
    const socket = connect({ port, host: "127.0.0.1" });
    const received: string[] = [];
    socket.setEncoding("latin1").on("data", (text: string) => received.push(text));
    socket.on("error", () => {});
    socket.write(`GET / HTTP/1.1\r\nHost: web\r\n${lines}\r\n`);
    await holdsWhile(once(socket, "close"));
    expect(received.join("")).toMatch(/^HTTP\/1\.1 431 /);
  });
});

/** One client that speaks HTTP/2 as it likes. */
class Attacker implements Disposable {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#received.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  static async open(settings: Readonly<Record<number, number>> = {}): Promise<Attacker> {
    const socket = connect({ port, host: "127.0.0.1" });
    const attacker = new Attacker(socket);
    await once(socket, "connect");
    attacker.send(h2.PREFACE, h2.settings(settings), h2.frame(h2.TYPE.settings, h2.ACK, 0));
    return attacker;
  }

  get frames(): h2.Frame[] {
    return h2.framesIn(Buffer.concat(this.#received));
  }

  /** The code of the last GOAWAY; undefined without one. */
  get goaway(): number | undefined {
    return this.frames.findLast(({ type }) => type === h2.TYPE.goaway)?.payload.readUInt32BE(4);
  }

  send(...parts: readonly Uint8Array[]): void {
    if (!this.closed) this.socket.write(Buffer.concat(parts));
  }

  /** Sends the same bytes until the connection ends, at most `times`, no faster than they are taken. */
  async flood(part: (i: number) => Uint8Array, times: number, batch = 200): Promise<void> {
    for (let i = 0; i < times && !this.closed; i += batch) {
      const parts = Array.from({ length: Math.min(batch, times - i) }, (_, j) => part(i + j));
      if (!this.socket.write(Buffer.concat(parts)) && !this.closed) {
        await Promise.race([once(this.socket, "drain"), once(this.socket, "close")]).catch(() => {});
      }
    }
  }

  async ended(timeoutMs = 10_000): Promise<void> {
    await eventually(
      () => this.closed,
      timeoutMs,
      () => `still open after ${this.frames.length} frames`,
    );
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const FRAME_SIZE_ERROR = 6;
const COMPRESSION_ERROR = 9;
const ENHANCE_YOUR_CALM = 11;

/** CPU time of the proxy so far, in ms. */
async function cpuMs(): Promise<number> {
  const fields = (await readFile(`/proc/${proxy.pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

describe("HTTP/2 floods end the connection with ENHANCE_YOUR_CALM", () => {
  const zero = Buffer.alloc(8);
  it.each<[string, (attacker: Attacker) => Promise<void>]>([
    [
      "rapid reset (CVE-2023-44487)",
      (attacker) =>
        attacker.flood(
          (i) => Buffer.concat([h2.get(2 * i + 1, "/"), h2.frame(h2.TYPE.reset, 0, 2 * i + 1, h2.uint32(8))]),
          100_000,
        ),
    ],
    [
      "streams that we must reset ourselves (CVE-2025-8671)",
      (attacker) =>
        attacker.flood(
          (i) =>
            Buffer.concat([
              h2.get(2 * i + 1, "/"),
              h2.frame(h2.TYPE.windowUpdate, 0, 2 * i + 1, h2.uint32(0)),
            ]),
          100_000,
        ),
    ],
    [
      "CONTINUATION without end (CVE-2024-27316)",
      async (attacker) => {
        attacker.send(h2.frame(h2.TYPE.headers, h2.END_STREAM, 1, h2.request("/")));
        const more = h2.literal("x", "y".repeat(1000));
        await attacker.flood(() => h2.frame(h2.TYPE.continuation, 0, 1, more), 100_000);
      },
    ],
    [
      "empty CONTINUATION without end",
      async (attacker) => {
        attacker.send(h2.frame(h2.TYPE.headers, h2.END_STREAM, 1, h2.request("/")));
        await attacker.flood(() => h2.frame(h2.TYPE.continuation, 0, 1), 200_000);
      },
    ],
    ["PING (CVE-2019-9512)", (attacker) => attacker.flood(() => h2.frame(h2.TYPE.ping, 0, 0, zero), 200_000)],
    ["SETTINGS (CVE-2019-9515)", (attacker) => attacker.flood(() => h2.settings(), 200_000)],
    [
      "empty DATA (CVE-2019-9518)",
      async (attacker) => {
        attacker.send(h2.frame(h2.TYPE.headers, h2.END_HEADERS, 1, h2.request("/", "POST")));
        await attacker.flood(() => h2.frame(h2.TYPE.data, 0, 1), 200_000);
      },
    ],
    [
      "PRIORITY (CVE-2019-9513)",
      (attacker) =>
        attacker.flood(
          (i) => h2.frame(h2.TYPE.priority, 0, 2 * i + 1, Buffer.from([0, 0, 0, 0, 1])),
          200_000,
        ),
    ],
    [
      "WINDOW_UPDATE of one byte",
      (attacker) => attacker.flood(() => h2.frame(h2.TYPE.windowUpdate, 0, 0, h2.uint32(1)), 200_000),
    ],
    ["frames of an unknown type", (attacker) => attacker.flood(() => h2.frame(0x42, 0, 0), 200_000)],
  ])("%s", async (_name, attack) => {
    using attacker = await Attacker.open();
    const before = await cpuMs();
    await holdsWhile(attack(attacker).then(() => attacker.ended()));
    // Ending it is what bounds the work: far less than the flood would have made.
    expect((await cpuMs()) - before).toBeLessThan(3_000);
    // A reset may have destroyed the frame on its way.
    if (attacker.goaway !== undefined) expect([ENHANCE_YOUR_CALM, PROTOCOL_ERROR]).toContain(attacker.goaway);
  });
});

describe("HPACK", () => {
  it("a table entry named thousands of times does not grow without bound (HPACK bomb)", async () => {
    using attacker = await Attacker.open();
    const bomb = h2.indexedLiteral("x", "y".repeat(3_900));
    attacker.send(
      h2.frame(h2.TYPE.headers, h2.END_HEADERS | h2.END_STREAM, 1, Buffer.concat([h2.request("/"), bomb])),
    );
    // 16,000 times the entry of 4 KB is 62 MB of fields in one frame.
    const block = Buffer.concat([h2.request("/"), Buffer.alloc(16_000, 0x80 | 62)]);
    const bombs = Array.from({ length: 20 }, (_, i) =>
      h2.frame(h2.TYPE.headers, h2.END_HEADERS | h2.END_STREAM, 2 * i + 3, block),
    );
    attacker.send(...bombs);
    await holdsWhile(
      eventually(
        () =>
          attacker.closed ||
          attacker.frames.filter(({ type }) => type === h2.TYPE.headers || type === h2.TYPE.reset).length >=
            2,
        5_000,
        () => JSON.stringify(attacker.frames.map(({ type, stream }) => [type, stream])),
      ),
    );
  });

  it.each<[string, Buffer]>([
    ["an index that no table has", Buffer.from([0xff, 0x80, 0x01])],
    ["an index of zero", Buffer.from([0x80])],
    ["an integer without end", Buffer.from([0xff, ...Array(64).fill(0x80)])],
    ["a length beyond the block", Buffer.from([0x00, 0x7f, 0xff, 0x7f])],
    ["a table larger than allowed", Buffer.from([0x3f, 0xe1, 0xff, 0x7f])],
    ["Huffman padding of a byte", Buffer.from([0x00, 0x82, 0x1f, 0xff, 0x01, 0x61])],
  ])("%s ends the connection with COMPRESSION_ERROR", async (_name, block) => {
    using attacker = await Attacker.open();
    attacker.send(h2.frame(h2.TYPE.headers, h2.END_HEADERS | h2.END_STREAM, 1, block));
    await attacker.ended();
    expect(attacker.goaway).toBe(COMPRESSION_ERROR);
  });
});

describe("HTTP/2 heads without end", () => {
  it("of 100,000 headers are refused, on this stream or with the connection", async () => {
    using attacker = await Attacker.open();
    const one = h2.literal("x", "y");
    const block = Buffer.concat([h2.request("/"), ...Array<Buffer>(2_000).fill(one)]);
    attacker.send(h2.frame(h2.TYPE.headers, h2.END_STREAM, 1, block));
    const more = Buffer.concat(Array<Buffer>(2_000).fill(one));
    for (let i = 0; i < 49; i++) {
      attacker.send(h2.frame(h2.TYPE.continuation, i === 48 ? h2.END_HEADERS : 0, 1, more));
    }
    await holdsWhile(
      eventually(
        () =>
          attacker.closed ||
          attacker.frames.some(
            ({ type, stream }) => stream === 1 && (type === h2.TYPE.headers || type === h2.TYPE.reset),
          ),
        5_000,
      ),
    );
  });
});

describe("window games", () => {
  it("streams whose windows stay shut hold little", async () => {
    // SETTINGS_INITIAL_WINDOW_SIZE 0: no response may begin its body.
    using attacker = await Attacker.open({ 4: 0 });
    attacker.send(...Array.from({ length: 100 }, (_, i) => h2.get(2 * i + 1, "/large")));
    await holdsWhile(
      eventually(
        () => attacker.closed || attacker.frames.filter(({ type }) => type === h2.TYPE.headers).length >= 50,
      ),
    );
  });

  it("windows of one byte are served byte by byte, and nobody else waits", async () => {
    using attacker = await Attacker.open({ 4: 1 });
    attacker.send(...Array.from({ length: 50 }, (_, i) => h2.get(2 * i + 1, "/large")));
    await eventually(() => attacker.closed || attacker.frames.some(({ type }) => type === h2.TYPE.data));
    await holdsWhile(
      attacker.flood((i) => h2.frame(h2.TYPE.windowUpdate, 0, 2 * (i % 50) + 1, h2.uint32(1)), 5_000),
    );
  });

  it.each<[string, Buffer, number]>([
    ["beyond 2^31-1", h2.frame(h2.TYPE.windowUpdate, 0, 0, h2.uint32(0x7fffffff)), FLOW_CONTROL_ERROR],
    ["by nothing", h2.frame(h2.TYPE.windowUpdate, 0, 0, h2.uint32(0)), PROTOCOL_ERROR],
    ["in three bytes", h2.frame(h2.TYPE.windowUpdate, 0, 0, Buffer.alloc(3)), FRAME_SIZE_ERROR],
    ["by a setting beyond 2^31-1", h2.settings({ 4: 0x80000000 }), FLOW_CONTROL_ERROR],
  ])("a window opened %s ends the connection", async (_name, bytes, code) => {
    using attacker = await Attacker.open();
    attacker.send(bytes);
    await attacker.ended();
    expect(attacker.goaway).toBe(code);
  });
});
