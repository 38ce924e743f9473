import http from "node:http";
import https from "node:https";
import type { Clock } from "./clock.ts";
import type { ClusterConfig } from "./config.ts";
import { type Credentials, createCredentialSource } from "./credentials.ts";
import { ConnectionError } from "./errors.ts";

export interface TransportRequest {
  readonly method: string;
  /** Path and query, from "/". */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** For the whole answer in `send`, for its head in `open`. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface TransportStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** One way to the API server: every request of a process shares its connections. */
export interface Transport {
  /** Sends and reads the whole answer. Throws ConnectionError when none comes, AbortError on the signal. */
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Sends and returns as soon as the head is in; the stream ends with the signal. */
  open(request: TransportRequest): Promise<TransportStream>;
  /** Forgets cached credentials, so that the next request reads them again. */
  refreshCredentials(): void;
  close(): void;
}

/** A list of 10,000 pods is about 100 MB; anything beyond this is not an answer to read into memory. */
const maxBodyBytes = 512 << 20;
/** Under the API server's own idle timeout of 90 s, so that we never write on a connection it is closing. */
const idleMs = 60_000;

/** HTTP/1.1 with keep-alive: a watch holds a connection, all else shares a few. */
export function createTransport(
  config: ClusterConfig,
  options: { userAgent: string; clock: Clock },
): Transport {
  const base = new URL(config.server);
  const secure = base.protocol === "https:";
  const prefix = base.pathname.replace(/\/+$/, "");
  const credentials = createCredentialSource(config, options.clock);
  let agent: { agent: http.Agent; of: Credentials } | undefined;

  const agentFor = (current: Credentials): http.Agent => {
    if (agent !== undefined && sameTls(agent.of, current)) return agent.agent;
    // Requests in flight finish on the old agent's sockets; those then idle until the server closes them.
    for (const sockets of Object.values(agent?.agent.freeSockets ?? {})) {
      for (const socket of sockets ?? []) socket.destroy();
    }
    const pooling = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: "lifo" as const, timeout: idleMs };
    agent = {
      of: current,
      agent: secure
        ? new https.Agent({
            ...pooling,
            ca: current.ca,
            cert: current.certificate,
            key: current.key,
            rejectUnauthorized: config.insecureSkipTlsVerify !== true,
            ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
          })
        : new http.Agent(pooling),
    };
    return agent.agent;
  };

  const exchange = async (request: TransportRequest, watch: RequestWatch): Promise<http.IncomingMessage> => {
    const current = await credentials.current();
    const headers: Record<string, string> = { "user-agent": options.userAgent, ...request.headers };
    if (current.authorization !== undefined) headers.authorization = current.authorization;
    if (request.body !== undefined) headers["content-length"] = String(Buffer.byteLength(request.body));
    return new Promise((resolve, reject) => {
      watch.signal?.throwIfAborted();
      const out = (secure ? https : http).request({
        agent: agentFor(current),
        method: request.method,
        host: base.hostname.replace(/^\[|\]$/g, ""),
        port: base.port === "" ? (secure ? 443 : 80) : base.port,
        path: prefix + request.path,
        headers,
      });
      watch.cancel = (reason) => out.destroy(reason);
      out.on("response", resolve);
      out.on("error", (error) => reject(Object.assign(error, { reused: out.reusedSocket })));
      out.end(request.body);
    });
  };

  /** Runs `read` on the answer under the request's timeout and signal, retrying once where that is safe. */
  const run = async <T>(
    request: TransportRequest,
    read: (message: http.IncomingMessage) => Promise<T>,
    guardBody: boolean,
  ): Promise<T> => {
    const what = `${request.method} ${request.path}`;
    for (let attempt = 1; ; attempt++) {
      const watch = watchRequest(request, options.clock);
      try {
        const message = await exchange(request, watch);
        if (!guardBody) watch.release();
        return await read(message);
      } catch (error) {
        if (request.signal?.aborted === true) throw aborted(what, request.signal);
        if (attempt === 1 && request.method !== "POST" && isStaleSocket(error)) continue;
        throw error instanceof ConnectionError ? error : new ConnectionError(what, error);
      } finally {
        if (guardBody) watch.release();
      }
    }
  };

  return {
    send: (request) =>
      run(request, async (message) => ({ ...headOf(message), body: await readBody(message) }), true),
    open: (request) =>
      run(request, async (message) => ({ ...headOf(message), chunks: streamBody(message, request) }), false),
    refreshCredentials: () => credentials.invalidate(),
    close: () => agent?.agent.destroy(),
  };
}

interface RequestWatch {
  readonly signal: AbortSignal | undefined;
  cancel: (reason: Error) => void;
  release(): void;
}

/** Cuts the request off at its timeout or its caller's signal, whichever comes first. */
function watchRequest(request: TransportRequest, clock: Clock): RequestWatch {
  const { signal, timeoutMs } = request;
  const watch: RequestWatch = {
    signal,
    cancel: () => {},
    release: () => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    },
  };
  const onAbort = () => watch.cancel(new Error("aborted"));
  const timer = clock.setTimeout(
    () => watch.cancel(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" })),
    timeoutMs,
  );
  signal?.addEventListener("abort", onAbort);
  return watch;
}

/** A kept-alive connection that the server closed while we wrote on it: nothing was processed, so try afresh. */
function isStaleSocket(error: unknown): boolean {
  if (!(error instanceof Error) || !("reused" in error) || error.reused !== true || !("code" in error))
    return false;
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}

const sameTls = (a: Credentials, b: Credentials) =>
  a.ca === b.ca && a.certificate === b.certificate && a.key === b.key;

const headOf = (message: http.IncomingMessage) => ({
  status: message.statusCode ?? 0,
  headers: message.headers,
});

async function readBody(message: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new Error(`the answer is longer than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}

async function* streamBody(
  message: http.IncomingMessage,
  request: TransportRequest,
): AsyncGenerator<Uint8Array> {
  const stop = () => message.destroy();
  request.signal?.addEventListener("abort", stop);
  try {
    if (request.signal?.aborted === true) return;
    for await (const chunk of message as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    if (request.signal?.aborted !== true)
      throw new ConnectionError(`${request.method} ${request.path}`, error);
  } finally {
    request.signal?.removeEventListener("abort", stop);
    message.destroy();
  }
}

function aborted(what: string, signal: AbortSignal): Error {
  return Object.assign(new Error(`${what}: aborted`, { cause: signal.reason }), { name: "AbortError" });
}
