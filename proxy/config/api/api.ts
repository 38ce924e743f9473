/** The two requests that a proxy makes of the Kubernetes API: list and watch, with the pod's own token. */
import { readFile } from "node:fs/promises";
import { readAll, request } from "../../https/request.ts";
import { ConfigError } from "../errors.ts";

export interface Api {
  /** The whole answer. Throws ApiError for a refusal. */
  list(path: string, query: Query, signal: AbortSignal): Promise<unknown>;
  /** The bytes of a watch, from the moment that the server has answered. Throws ApiError for a refusal. */
  watch(path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export type Query = Readonly<Record<string, string>>;

/** A refusal by the API server. */
export class ApiError extends ConfigError {
  readonly status: number;

  constructor(status: number, detail: string) {
    super("WEFT_CONFIG_API", detail);
    this.status = status;
  }
}

export interface ApiOptions {
  /** `https://HOST:PORT`, without a slash at the end. */
  readonly url: string;
  /** Paths, read anew for each request: the kubelet renews the token within its hour. */
  readonly tokenFile: string;
  readonly caFile: string;
}

/** Largest list: every part of the services that one proxy calls. */
const maxListBytes = 64 * 1024 * 1024;
const maxRefusalBytes = 64 * 1024;

export function createApi({ url, tokenFile, caFile }: ApiOptions): Api {
  const send = async (
    path: string,
    query: Query,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> => {
    const [token, anchors] = await Promise.all([readFile(tokenFile, "utf8"), readFile(caFile, "utf8")]);
    const { status, body } = await request({
      method: "GET",
      url: new URL(`${url}${path}?${new URLSearchParams(query)}`),
      headers: {
        authorization: `Bearer ${token.trim()}`,
        accept: "application/json",
        "user-agent": "weft-proxy",
      },
      anchors,
      signal,
    });
    if (status === 200) return body;
    const refusal = await readAll(body, maxRefusalBytes);
    throw new ApiError(status, `GET ${path}: ${status} ${statusMessage(refusal.toString())}`);
  };
  return {
    async list(path, query, signal) {
      const body = await readAll(await send(path, query, signal), maxListBytes);
      return JSON.parse(body.toString());
    },
    watch: (path, query, signal) =>
      send(path, { ...query, watch: "true", allowWatchBookmarks: "true" }, signal),
  };
}

/** The message of a Kubernetes Status, or the beginning of whatever it is. */
function statusMessage(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // A proxy in between may answer in plain text.
  }
  return body.slice(0, 200);
}
