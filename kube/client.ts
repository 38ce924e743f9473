import type { Client, ListOptions, WatchOptions, WriteOptions } from "./api.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import type { ClusterConfig } from "./config.ts";
import { ApiError } from "./errors.ts";
import type { RateLimiter } from "./limiter.ts";
import { createLineSplitter } from "./lines.ts";
import { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";
import { pathOf, queryString } from "./paths.ts";
import { createTransport, type Transport, type TransportResponse } from "./transport.ts";
import type { List, MetaObject, Resource, StatusBody, WatchEvent } from "./types.ts";

export type * from "./api.ts";

export interface ClientOptions {
  /** Also the default field manager. */
  userAgent: string;
  clock?: Clock | undefined;
  transport?: Transport | undefined;
  /** Client-side limit; requests for Leases pass by it, so that a busy process keeps its lead. */
  limiter?: RateLimiter | undefined;
  metrics?: KubeMetrics | undefined;
}

const readTimeoutMs = 30_000;
const listTimeoutMs = 60_000;
const writeTimeoutMs = 30_000;
const watchHeadTimeoutMs = 30_000;
/** A server under load is asked again this often, and waited for this long at most each time. */
const maxRetries = 5;
const maxRetryAfterMs = 30_000;
/** A server that has just started answers 503 and "in 5 s", and mostly is ready within one: look sooner, ever later. */
const startingMs = 200;

const accept = {
  object: "application/json",
  metadata: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
  metadataList: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
};
const patchTypes = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
};

/** A client over one transport. `close` ends its connections. */
export function createClient(config: ClusterConfig, options: ClientOptions): Client {
  const clock = options.clock ?? systemClock;
  const transport = options.transport ?? createTransport(config, { userAgent: options.userAgent, clock });
  const metrics = options.metrics ?? noMetrics;
  const manager = options.userAgent.replace(/\/.*/, "");

  interface Call {
    verb: string;
    method: string;
    path: string;
    accept?: string;
    contentType?: string;
    body?: unknown;
    timeoutMs: number;
    signal?: AbortSignal | undefined;
  }

  const call = async (request: Call): Promise<TransportResponse> => {
    if (!request.path.includes("/leases")) {
      const wait = options.limiter?.reserve() ?? 0;
      if (wait > 0) await sleep(clock, wait, request.signal);
    }
    const headers: Record<string, string> = { accept: request.accept ?? accept.object };
    if (request.body !== undefined) headers["content-type"] = request.contentType ?? accept.object;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const { method, path, timeoutMs, signal } = request;
    for (let attempt = 0; ; attempt++) {
      const started = clock.monotonic();
      const response = await transport.send({ method, path, headers, body, timeoutMs, signal });
      metrics.request(request.verb, response.status, clock.monotonic() - started);
      if (response.status < 400) return response;
      const error = errorOf(`${method} ${path}`, response.status, response.headers, response.body);
      if (response.status === 401 && attempt === 0) {
        transport.refreshCredentials();
        continue;
      }
      // Overloaded or shutting down, and it says when to come back: nothing was processed, whatever the verb.
      const again = (response.status === 429 || response.status === 503) && error.retryAfterMs !== undefined;
      if (!again || attempt >= maxRetries || signal?.aborted === true) throw error;
      const asked = Math.min(maxRetryAfterMs, error.retryAfterMs ?? 0);
      const wait = response.status === 503 ? Math.min(asked, startingMs * 2 ** attempt) : asked;
      await sleep(clock, wait, signal);
    }
  };
  const object = async <T>(request: Call): Promise<T> => JSON.parse((await call(request)).body) as T;
  const write = <T>(
    request: Omit<Call, "timeoutMs" | "path">,
    resource: Resource,
    at: { namespace?: string | undefined; name?: string | undefined },
    how: WriteOptions & { force?: boolean | undefined } = {},
  ) =>
    object<T>({
      ...request,
      path:
        pathOf(resource, { ...at, subresource: how.subresource }) +
        queryString({
          fieldManager: how.fieldManager ?? manager,
          force: how.force,
          dryRun: how.dryRun === true ? "All" : undefined,
        }),
      timeoutMs: writeTimeoutMs,
      signal: how.signal,
    });

  return {
    get: (resource, { namespace, name, signal }) =>
      object({
        verb: "get",
        method: "GET",
        path: pathOf(resource, { namespace, name }),
        timeoutMs: readTimeoutMs,
        signal,
      }),

    async list<T extends MetaObject>(resource: Resource, how: ListOptions = {}) {
      const { namespace, metadataOnly, signal, labelSelector, fieldSelector, limit, resourceVersion } = how;
      const page = { labelSelector, fieldSelector, limit, continue: how.continue, resourceVersion };
      const found = await object<List<T>>({
        verb: "list",
        method: "GET",
        path: pathOf(resource, { namespace }) + queryString(page),
        accept: metadataOnly === true ? accept.metadataList : accept.object,
        timeoutMs: listTimeoutMs,
        signal,
      });
      return { ...found, items: found.items ?? [] };
    },

    create: (resource, body, how) =>
      write(
        { verb: "create", method: "POST", body },
        resource,
        how?.subresource === undefined
          ? { namespace: body.metadata.namespace }
          : { namespace: body.metadata.namespace, name: body.metadata.name },
        how,
      ),
    replace: (resource, body, how) =>
      write({ verb: "update", method: "PUT", body }, resource, body.metadata, how),
    patch: (resource, { namespace, name, type, body, ...how }) =>
      write(
        { verb: type === "apply" ? "apply" : "patch", method: "PATCH", body, contentType: patchTypes[type] },
        resource,
        { namespace, name },
        how,
      ),
    apply: (resource, body, how) =>
      write(
        { verb: "apply", method: "PATCH", body, contentType: patchTypes.apply },
        resource,
        body.metadata,
        { ...how, force: how.force ?? true },
      ),
    async delete(
      resource,
      { namespace, name, preconditions, propagationPolicy, gracePeriodSeconds, ...how },
    ) {
      await call({
        verb: "delete",
        method: "DELETE",
        path:
          pathOf(resource, { namespace, name }) +
          queryString({ dryRun: how.dryRun === true ? "All" : undefined }),
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          preconditions,
          propagationPolicy,
          gracePeriodSeconds,
        },
        timeoutMs: writeTimeoutMs,
        signal: how.signal,
      });
    },

    async *watch<T extends MetaObject>(resource: Resource, how: WatchOptions, signal: AbortSignal) {
      const path =
        pathOf(resource, how) +
        queryString({
          watch: true,
          allowWatchBookmarks: true,
          labelSelector: how.labelSelector,
          fieldSelector: how.fieldSelector,
          resourceVersion: how.resourceVersion,
          timeoutSeconds: how.timeoutSeconds,
          sendInitialEvents: how.sendInitialEvents,
          resourceVersionMatch: how.sendInitialEvents === true ? "NotOlderThan" : undefined,
        });
      const headers = { accept: how.metadataOnly === true ? accept.metadata : accept.object };
      const stream = await transport.open({
        method: "GET",
        path,
        headers,
        timeoutMs: watchHeadTimeoutMs,
        signal,
      });
      metrics.request("watch", stream.status, 0);
      if (stream.status !== 200) {
        const parts: Uint8Array[] = [];
        for await (const chunk of stream.chunks) parts.push(chunk);
        if (stream.status === 401) transport.refreshCredentials();
        throw errorOf(`WATCH ${path}`, stream.status, stream.headers, Buffer.concat(parts).toString("utf8"));
      }
      const split = createLineSplitter();
      for await (const chunk of stream.chunks) {
        for (const line of split(chunk)) {
          const event = JSON.parse(line) as { type: string; object: unknown };
          if (event.type === "ERROR") throw watchError(path, event.object as StatusBody);
          yield event as WatchEvent<T>;
        }
      }
    },

    async request(method, path, how = {}) {
      const response = await call({
        verb: method.toLowerCase(),
        method,
        path: path + queryString(how.query ?? {}),
        body: how.body,
        accept: "application/json, */*",
        timeoutMs: how.timeoutMs ?? (method === "GET" ? readTimeoutMs : writeTimeoutMs),
        ...(how.contentType === undefined ? {} : { contentType: how.contentType }),
        signal: how.signal,
      });
      return { status: response.status, body: parseBody(response.body) };
    },

    close: () => transport.close(),
  };
}

function watchError(path: string, status: StatusBody): ApiError {
  return new ApiError(`WATCH ${path}`, status.code ?? 500, status);
}

function errorOf(
  what: string,
  status: number,
  headers: TransportResponse["headers"],
  text: string,
): ApiError {
  const parsed = parseBody(text);
  const body: StatusBody =
    typeof parsed === "object" && parsed !== null
      ? parsed
      : { message: text.trim() === "" ? `HTTP ${status}` : text.slice(0, 500) };
  const header = headers["retry-after"];
  const seconds =
    typeof header === "string" ? Number(header) : (body.details?.retryAfterSeconds ?? Number.NaN);
  return new ApiError(what, status, body, Number.isFinite(seconds) ? seconds * 1000 : undefined);
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
