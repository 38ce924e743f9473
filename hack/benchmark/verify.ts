/** One request with a client that looks closely, before any load: a peer that serves errors fast must not win. */
import { request } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { BODY, GRPC_PATH, MEGABYTE, MESSAGE } from "./backends.ts";
import type { Target } from "./loads/load.ts";
import type { Scenario } from "./scenarios.ts";

const TIMEOUT_MS = 5_000;

/** Throws unless the target serves what the scenario asks for. Streams and handshakes are verified by their loads. */
export async function verify(scenario: Scenario, target: Target): Promise<void> {
  if (scenario.shape.layout === "inbound") return;
  if (scenario.backend === "http1") {
    const path = scenario.name.startsWith("h1-1mb") ? "/megabyte" : target.path;
    const expected = scenario.name.startsWith("h1-1mb") ? MEGABYTE : BODY.length;
    const { status, length } = await getHttp1(target, path);
    assert(
      status === 200 && length === expected,
      `status ${status} with ${length} bytes`,
      `200 with ${expected}`,
    );
  } else if (scenario.backend === "http2") {
    const { headers, body } = await getHttp2(target, target.path, undefined);
    assert(headers[":status"] === 200 && body.toString() === BODY, `status ${headers[":status"]}`, "200");
  } else if (scenario.backend === "grpc") {
    const { headers, body, trailers } = await getHttp2(target, GRPC_PATH, MESSAGE);
    const right = headers[":status"] === 200 && body.equals(MESSAGE) && trailers["grpc-status"] === "0";
    assert(
      right,
      `status ${headers[":status"]}, grpc-status ${trailers["grpc-status"]}`,
      "200 and grpc-status 0",
    );
  }
}

function assert(right: boolean, found: string, expected: string): void {
  if (!right) throw new Error(`a request before the load found ${found}; expected ${expected}`);
}

function getHttp1({ front }: Target, path: string): Promise<{ status: number; length: number }> {
  return new Promise((resolve, reject) => {
    const options = { ...front, path, headers: { host: "web" }, timeout: TIMEOUT_MS, agent: false as const };
    const sent = request(options, (response) => {
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, length }));
      response.once("error", reject);
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    sent.once("error", reject);
    sent.end();
  });
}

interface Http2Answer {
  readonly headers: IncomingHttpHeaders & { readonly ":status"?: number | undefined };
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

function getHttp2({ front }: Target, path: string, message: Buffer | undefined): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${front.host}:${front.port}`);
    const method = message === undefined ? "GET" : "POST";
    const grpc = message === undefined ? {} : { "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ":method": method, ":path": path, ":authority": "web", ...grpc });
    let headers: Http2Answer["headers"] = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    const fail = (error: Error) => {
      session.destroy();
      reject(error);
    };
    session.once("error", fail);
    stream.once("error", fail);
    stream.setTimeout(TIMEOUT_MS, () => fail(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    stream.once("response", (received) => {
      headers = received;
    });
    stream.once("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", () => {
      session.close();
      resolve({ headers, body: Buffer.concat(chunks), trailers });
    });
    stream.end(message);
  });
}
