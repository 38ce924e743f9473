/** WebSockets (RFC 6455) between the ws library's client and server, through a client's and a server's proxy. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { ProxyPair } from "../../test/support/proxy-pair.ts";
import type { Suite } from "./result.ts";
import { listeningPort } from "./run.ts";

const address = "127.0.6.3";
const timeoutMs = 10_000;

/** What one case does with an open connection to an echo server; rejects when it finds something else than it must. */
type Case = (url: string) => Promise<void>;

async function open(url: string, options: { protocol?: string; deflate?: boolean } = {}): Promise<WebSocket> {
  const protocols = options.protocol === undefined ? [] : [options.protocol];
  const socket = new WebSocket(url, protocols, { perMessageDeflate: options.deflate ?? false });
  await once(socket, "open");
  return socket;
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, "message");
  socket.send(message);
  const [data] = (await answer) as [RawData];
  return data as Buffer;
}

async function closed(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return { code, reason: String(reason) };
}

function expect(found: unknown, expected: unknown): void {
  if (String(found) !== String(expected)) throw new Error(`found ${found}; expected ${expected}`);
}

const cases: Readonly<Record<string, Case>> = {
  "a text comes back": async (url) => {
    const socket = await open(url);
    expect(await echoed(socket, "hällo"), "hällo");
    socket.terminate();
  },
  "a thousand messages keep their order": async (url) => {
    const socket = await open(url);
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        received.push(String(data));
        if (received.length === 1000) resolve();
      });
    });
    for (let i = 0; i < 1000; i++) socket.send(String(i));
    await all;
    expect(received.join(), Array.from({ length: 1000 }, (_, i) => i).join());
    socket.terminate();
  },
  "16 MB of binary come back whole": async (url) => {
    const socket = await open(url);
    const sent = Buffer.alloc(16 * 1024 * 1024, "weft");
    expect((await echoed(socket, sent)).equals(sent), true);
    socket.terminate();
  },
  "fragments become one message": async (url) => {
    const socket = await open(url);
    const answer = once(socket, "message");
    socket.send("a", { fin: false });
    socket.send("b", { fin: false });
    socket.send("c", { fin: true });
    expect(((await answer) as [RawData])[0], "abc");
    socket.terminate();
  },
  "pings are answered both ways": async (url) => {
    const socket = await open(url);
    const pong = once(socket, "pong");
    socket.ping("there");
    expect(((await pong) as [Buffer])[0], "there");
    const ping = once(socket, "ping");
    socket.send("ping me");
    expect(((await ping) as [Buffer])[0], "back");
    socket.terminate();
  },
  "compression is negotiated end to end": async (url) => {
    const socket = await open(url, { deflate: true });
    expect(socket.extensions.startsWith("permessage-deflate"), true);
    const sent = "weft".repeat(10_000);
    expect(await echoed(socket, sent), sent);
    socket.terminate();
  },
  "the subprotocol is the server's choice": async (url) => {
    const socket = await open(url, { protocol: "chat" });
    expect(socket.protocol, "chat");
    socket.terminate();
  },
  "the client's close reaches the server and its answer comes back": async (url) => {
    const socket = await open(url);
    const ended = closed(socket);
    socket.close(4001, "enough");
    const { code, reason } = await ended;
    expect(`${code} ${reason}`, "4001 enough");
  },
  "the server's close reaches the client": async (url) => {
    const socket = await open(url);
    const ended = closed(socket);
    socket.send("close me");
    const { code, reason } = await ended;
    expect(`${code} ${reason}`, "4002 as asked");
  },
  "a handshake that the server refuses is an ordinary response": async (url) => {
    const socket = new WebSocket(`${url}/refused`);
    socket.on("error", () => {});
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode, 401);
    socket.terminate();
  },
};

export const websocket: Suite = async function* () {
  const server = new WebSocketServer({
    host: address,
    port: 0,
    perMessageDeflate: true,
    maxPayload: 32 * 1024 * 1024,
    verifyClient: ({ req }: { readonly req: IncomingMessage }) => req.url?.endsWith("/refused") !== true,
    handleProtocols: (names) => (names.has("chat") ? "chat" : false),
  });
  server.on("connection", (socket) => {
    socket.on("message", (data, binary) => {
      const text = binary ? "" : String(data);
      if (text === "close me") socket.close(4002, "as asked");
      else if (text === "ping me") socket.ping("back");
      else socket.send(data, { binary });
    });
  });
  await once(server, "listening");
  try {
    await using pair = await ProxyPair.start({
      address,
      application: listeningPort(server),
      protocol: "http",
    });
    for (const [name, run] of Object.entries(cases)) {
      const detail = await bounded(run(`ws://127.0.0.1:${pair.port}`));
      yield { suite: "websocket", case: name, passed: detail === "", detail };
    }
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
};

/** Why it failed, "" when it did not. */
async function bounded(running: Promise<void>): Promise<string> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`no end within ${timeoutMs} ms`), timeoutMs);
  const ended = running.then(() => "", String);
  const detail = await Promise.race([ended, late]);
  clearTimeout(timer);
  return detail;
}
