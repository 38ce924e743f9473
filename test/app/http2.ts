/** HTTP/2, and gRPC in miniature: a unary method that says who answered, and a client that calls it on one connection. */
import { type ClientHttp2Session, connect, createServer, type Http2Server } from "node:http2";
import { option, parseOptions } from "./options.ts";

/** Answers each call with this workload's version; other requests with what it knows of them, on `/delay/MS` after that time. */
export function greeterOverHttp2(version: string): Http2Server {
  const pings = new WeakMap<object, number>();
  const server = createServer();
  server.on("session", (session) => {
    session.on("ping", () => pings.set(session, (pings.get(session) ?? 0) + 1));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => stream.destroy());
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("end", () => {
      if (headers["content-type"] === "application/grpc") {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.end(message(version));
        return;
      }
      const path = headers[":path"] ?? "";
      const { remoteAddress, remotePort } = stream.session?.socket ?? {};
      setTimeout(
        () => {
          const peer = `${remoteAddress}:${remotePort}`;
          const answer = {
            version,
            path,
            protocol: "HTTP/2.0",
            peer,
            pings: pings.get(stream.session ?? {}) ?? 0,
          };
          if (stream.destroyed) return;
          stream.respond({ ":status": 200, "content-type": "application/json" });
          stream.end(JSON.stringify(answer));
        },
        Number(/^\/delay\/(\d+)/.exec(path)?.[1] ?? 0),
      );
    });
    stream.resume();
  });
  return server;
}

/** A message as gRPC frames it: not compressed, four bytes of length. */
function message(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

interface Outcome {
  readonly version: string;
  readonly status: string;
}

function callOnce(session: ClientHttp2Session, path: string): Promise<Outcome> {
  return new Promise((fulfil, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const parts: Buffer[] = [];
    let status = "none";
    // A failed call's status stands in the head when there is no body.
    stream.on("response", (head) => {
      status = String(head["grpc-status"] ?? (head[":status"] === 200 ? status : head[":status"]));
    });
    stream.on("trailers", (trailers) => {
      status = String(trailers["grpc-status"] ?? status);
    });
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", reject);
    stream.on("close", () => fulfil({ version: Buffer.concat(parts).subarray(5).toString(), status }));
    stream.end(message("hello"));
  });
}

/** `app grpc`: all calls at once, on one connection; prints how many had which answer and which grpc-status. */
export async function grpcCommand(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const session = connect(option(options, "url", ""));
  const failed = new Promise<never>((_, reject) => session.on("error", reject));
  const path = option(options, "path", "/greeter.Greeter/Greet");
  const calls = Array.from({ length: Number(option(options, "count", "1")) }, () => callOnce(session, path));
  const byVersion: Record<string, number> = {};
  const byStatus: Record<string, number> = {};
  for (const { version, status } of await Promise.race([Promise.all(calls), failed])) {
    byVersion[version] = (byVersion[version] ?? 0) + 1;
    byStatus[status] = (byStatus[status] ?? 0) + 1;
  }
  session.close();
  console.log(JSON.stringify({ byVersion, byStatus }));
  return 0;
}
