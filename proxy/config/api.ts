/** The two requests that a proxy makes of the Kubernetes API: list and watch, with the pod's own token. */
import { readFile } from "node:fs/promises";
import { ConfigError } from "./errors.ts";

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

export function createApi({ url, tokenFile, caFile }: ApiOptions): Api {
  const send = async (path: string, query: Query, signal: AbortSignal): Promise<Response> => {
    const [token, ca] = await Promise.all([readFile(tokenFile, "utf8"), readFile(caFile, "utf8")]);
    const address = `${url}${path}?${new URLSearchParams(query)}`;
    const init = {
      signal,
      headers: { authorization: `Bearer ${token.trim()}`, accept: "application/json" },
      tls: { ca },
      // A watch is silent for as long as nothing changes; its own watchdog decides when that is too long.
      timeout: false,
    };
    const response = await fetch(address, init as RequestInit);
    if (response.ok) return response;
    const body = await response.text().catch(() => "");
    throw new ApiError(response.status, `GET ${path}: ${response.status} ${statusMessage(body)}`);
  };
  return {
    async list(path, query, signal) {
      const response = await send(path, query, signal);
      const length = Number(response.headers.get("content-length") ?? 0);
      if (length > maxListBytes)
        throw new ConfigError("WEFT_CONFIG_TOO_LARGE", `a list has ${length} bytes, over ${maxListBytes}`);
      return response.json();
    },
    async watch(path, query, signal) {
      const { body } = await send(path, { ...query, watch: "true", allowWatchBookmarks: "true" }, signal);
      if (body === null) throw new ApiError(200, `GET ${path}: a watch without a body`);
      return body as unknown as AsyncIterable<Uint8Array>;
    },
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
