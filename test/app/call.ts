import { Agent, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { headers, milliseconds, option, parseOptions } from "./options.ts";

export interface Call {
  readonly url: string;
  readonly count: number;
  readonly concurrency: number;
  /** Requests a second, all workers together; 0 is as fast as they go. */
  readonly rate: number;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly keepalive: boolean;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface Summary {
  readonly requests: number;
  /** Answered with 2xx. */
  readonly ok: number;
  readonly byVersion: Record<string, number>;
  readonly byStatus: Record<string, number>;
  /** Who answered each request, in the requests' order. */
  readonly versions: (string | undefined)[];
  /** By the error's code; a request with an error has no status. */
  readonly errors: Record<string, number>;
  readonly latency_ms: { p50: number; p90: number; p99: number; max: number };
  readonly connections: number;
}

/** The request of this index: `{n}` in the URL and in headers stands for it. */
export function once(call: Call, agent: Agent | TlsAgent, index = 0): Promise<Answer> {
  return new Promise((fulfil, reject) => {
    const secure = call.url.startsWith("https:");
    const numbered = (text: string) => text.replaceAll("{n}", String(index));
    const headers = Object.entries(call.headers).map(([name, value]) => [name, numbered(value)]);
    const started = (secure ? tlsRequest : request)(
      numbered(call.url),
      { method: call.method, headers: Object.fromEntries(headers), agent, timeout: call.timeoutMs },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          if (response.complete)
            fulfil({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
            });
          else reject(Object.assign(new Error("the answer was cut off"), { code: "TRUNCATED" }));
        });
      },
    );
    started.on("timeout", () =>
      started.destroy(Object.assign(new Error("no answer in time"), { code: "TIMEOUT" })),
    );
    started.on("error", reject);
    started.end();
  });
}

export function newAgent(call: Pick<Call, "url" | "keepalive" | "concurrency">): Agent | TlsAgent {
  const options = { keepAlive: call.keepalive, maxSockets: call.concurrency };
  return call.url.startsWith("https:") ? new TlsAgent(options) : new Agent(options);
}

/** Makes all requests of a call; with a rate, each is due at its own time, and its latency counts from then. */
export async function callAll(call: Call): Promise<Summary> {
  const agent = newAgent(call);
  const started = performance.now();
  const latencies: number[] = [];
  const byVersion: Record<string, number> = {};
  const byStatus: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const versions: (string | undefined)[] = [];
  let next = 0;
  let ok = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < call.count; index = next++) {
      const due = call.rate > 0 ? started + (index * 1000) / call.rate : performance.now();
      if (due > performance.now()) await new Promise((wake) => setTimeout(wake, due - performance.now()));
      try {
        const answer = await once(call, agent, index);
        latencies.push(performance.now() - due);
        byStatus[answer.status] = (byStatus[answer.status] ?? 0) + 1;
        if (answer.status >= 200 && answer.status < 300) ok += 1;
        const version = versionOf(answer.body);
        versions[index] = version;
        if (version !== undefined) byVersion[version] = (byVersion[version] ?? 0) + 1;
      } catch (error) {
        const code = (error as { code?: string }).code ?? String(error);
        errors[code] = (errors[code] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: call.concurrency }, worker));
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    round(latencies[Math.max(0, Math.ceil(share * latencies.length) - 1)] ?? Number.NaN);
  return {
    requests: call.count,
    ok,
    byVersion,
    byStatus,
    versions,
    errors,
    latency_ms: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    connections: call.keepalive ? call.concurrency : call.count,
  };
}

const round = (ms: number) => Math.round(ms * 1000) / 1000;

export function versionOf(body: string): string | undefined {
  try {
    const version = (JSON.parse(body) as { version?: unknown }).version;
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined; // an answer of something else than this application, such as a proxy's own error
  }
}

export function callFrom(get: (name: string, otherwise: string) => string, pairs: readonly string[]): Call {
  const url = get("url", "");
  if (!/^https?:\/\//.test(url)) throw new Error(`found the url "${url}"; expected http://HOST[:PORT]/PATH`);
  return {
    url,
    count: Number(get("count", "1")),
    concurrency: Number(get("concurrency", "1")),
    rate: Number(get("rate", "0")),
    method: get("method", "GET"),
    headers: headers(pairs),
    keepalive: get("keepalive", "true") !== "false",
    timeoutMs: milliseconds(get("timeout", "10000")),
  };
}

export async function callCommand(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const call = callFrom((name, otherwise) => option(options, name, otherwise), options.get("header") ?? []);
  if (options.has("answer")) {
    console.log(JSON.stringify(await once(call, newAgent(call))));
    return 0;
  }
  if (options.has("body")) {
    const answer = await once(call, newAgent(call));
    console.log(answer.body);
    return answer.status >= 200 && answer.status < 300 ? 0 : 1;
  }
  const { versions, ...summary } = await callAll(call);
  console.log(JSON.stringify(options.has("versions") ? versions : summary));
  return options.has("fail") && summary.ok !== summary.requests ? 1 : 0;
}
