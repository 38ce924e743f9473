/**
 * Traffic of every kind through two proxies for as long as asked, and what each proxy holds in memory meanwhile: small and large
 * bodies either way, chunks, errors, clients that leave, connections that come and go.
 */
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ProxyPair } from "./proxy-pair.ts";
import { quantile } from "./statistics.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** In 127.0.0.0/8, for the server's proxy. */
  readonly address: string;
  /** Clients, each with one request at a time. */
  readonly clients: number;
  /** Called about once a second. */
  readonly progress?: (sample: SoakSample) => void;
}

export interface SoakSample {
  readonly seconds: number;
  readonly requests: number;
  /** Anonymous memory, MB. */
  readonly client: number;
  readonly server: number;
}

export interface SoakResult {
  readonly requests: number;
  /** Requests that ended otherwise than they should. */
  readonly errors: readonly string[];
  readonly samples: readonly SoakSample[];
}

type Kind = (call: Call, i: number) => Promise<void>;
type Call = (options: {
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer;
  readonly close?: boolean;
  readonly leave?: boolean;
}) => Promise<{ readonly status: number; readonly bytes: number }>;

const large = Buffer.alloc(100_000, "weft");

const kinds: readonly Kind[] = [
  async (call) => expectBytes(await call({ method: "GET", path: "/small" }), 200, 5),
  async (call, i) => expectBytes(await call({ method: "GET", path: `/small?unlike=${i}` }), 200, 5),
  async (call) => expectBytes(await call({ method: "POST", path: "/echo", body: large }), 200, large.length),
  async (call) => expectBytes(await call({ method: "GET", path: "/chunks" }), 200, 50_000),
  async (call) => expectBytes(await call({ method: "GET", path: "/error" }), 500, 0),
  async (call) => expectBytes(await call({ method: "GET", path: "/small", close: true }), 200, 5),
  async (call) => void (await call({ method: "GET", path: "/slow", leave: true })),
];

function expectBytes(found: { status: number; bytes: number }, status: number, bytes: number): void {
  if (found.status === status && found.bytes === bytes) return;
  throw new Error(`found ${found.status} with ${found.bytes} bytes; expected ${status} with ${bytes}`);
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const application = createServer(answer);
  application.listen(0, options.address);
  await once(application, "listening");
  const { port } = application.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  try {
    await using pair = await ProxyPair.start({
      address: options.address,
      application: port,
      protocol: "http",
    });
    return await load(pair, agent, options);
  } finally {
    agent.destroy();
    application.closeAllConnections();
    application.close();
  }
}

async function load(pair: ProxyPair, agent: Agent, options: SoakOptions): Promise<SoakResult> {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const errors: string[] = [];
  const samples: SoakSample[] = [];
  let requests = 0;
  const call = caller(pair.port, agent);
  const client = async (first: number) => {
    for (let i = first; elapsed() < options.seconds; i++) {
      requests++;
      await (kinds[i % kinds.length] as Kind)(call, i).catch((error: unknown) => {
        errors.push(`request ${i} (kind ${i % kinds.length}): ${error}`);
      });
    }
  };
  const clients = Array.from({ length: options.clients }, (_, i) => client(i));
  while (elapsed() < options.seconds) {
    await sleep(1_000);
    const sample = {
      seconds: elapsed(),
      requests,
      client: await pair.client.anonymousMegabytes(),
      server: await pair.server.anonymousMegabytes(),
    };
    samples.push(sample);
    options.progress?.(sample);
  }
  await Promise.all(clients);
  return { requests, errors, samples };
}

/** By how many MB the median of the last third is above that of the third before it. */
export function growth(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3);
  const last = quantile(samples.slice(-third), 0.5);
  return last - quantile(samples.slice(-2 * third, -third), 0.5);
}

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  const path = (incoming.url ?? "").split("?")[0];
  switch (path) {
    case "/echo":
      incoming.pipe(response);
      return;
    case "/chunks":
      for (let i = 0; i < 5; i++) response.write(large.subarray(0, 10_000));
      response.end();
      return;
    case "/error":
      response.writeHead(500).end();
      return;
    case "/slow":
      // Its client leaves before.
      setTimeout(() => response.end("late"), 5_000).unref();
      return;
    default:
      response.end("small");
  }
}

function caller(port: number, agent: Agent): Call {
  return ({ method, path, body, close, leave }) =>
    new Promise((resolve, reject) => {
      const headers = { host: "web", "content-length": String(body?.length ?? 0) };
      const outgoing = request({
        port,
        host: "127.0.0.1",
        method,
        path,
        headers,
        agent: close === true ? false : agent,
      });
      outgoing.on("error", (error) => (leave === true ? resolve({ status: 0, bytes: 0 }) : reject(error)));
      outgoing.on("response", (incoming) => {
        let bytes = 0;
        incoming.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, bytes }));
        incoming.on("error", reject);
      });
      outgoing.end(body);
      if (leave === true) setTimeout(() => outgoing.destroy(), 20);
    });
}
