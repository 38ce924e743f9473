/** What of a request, or of a connection, chooses its endpoint under a consistent-hash policy. */
import type { ConsistentHash } from "../../crds/service-config.ts";
import { queryParam } from "../route/query.ts";
import type { Random } from "./candidate.ts";
import { hashString } from "./hash.ts";

/** What is hashed of a request. */
export interface HashSource {
  /** Path with query. */
  readonly path: string;
  /** By lower-case name; repeated headers joined. */
  header(name: string): string | undefined;
}

export interface HashPolicy {
  /** A request's hash; undefined when it shows no key, and then any endpoint will do. */
  ofRequest(request: HashSource, peerAddress: string): number | undefined;
  /** A connection's: only its client's address can be its key. */
  ofConnection(peerAddress: string): number | undefined;
  /** For requests without the cookie, where the policy says to give them one. */
  readonly cookie: CookieMaker | undefined;
}

export interface CookieMaker {
  /** A new key. */
  make(random: Random): {
    readonly hash: number /** The `set-cookie` header's value. */;
    readonly setCookie: string;
  };
}

export function compileHashPolicy(policy: ConsistentHash): HashPolicy {
  const key = keyOf(policy);
  return Object.freeze({
    ofRequest(request: HashSource, peerAddress: string) {
      const value = key(request, peerAddress);
      return value === undefined || value === "" ? undefined : hashString(value);
    },
    ofConnection: (peerAddress: string) => (policy.sourceIp === true ? hashString(peerAddress) : undefined),
    cookie: policy.cookie?.ttlMs === undefined ? undefined : cookieMaker(policy.cookie, policy.cookie.ttlMs),
  });
}

function keyOf({
  header,
  cookie,
  sourceIp,
  queryParameter,
}: ConsistentHash): (request: HashSource, peerAddress: string) => string | undefined {
  if (header !== undefined) return (request) => request.header(header);
  if (cookie !== undefined) return (request) => cookieOf(request.header("cookie"), cookie.name);
  if (queryParameter !== undefined) return (request) => queryParam(request.path, queryParameter);
  return (_request, peerAddress) => (sourceIp === true ? peerAddress : undefined);
}

/** The value of a cookie (RFC 6265 section 4.2), without the quotes that may stand around it. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (let from = 0; from < header.length; ) {
    // Repeated Cookie headers arrive joined by commas, which no cookie's value may hold.
    const end = nextSeparator(header, from);
    const pair = header.slice(from, end).trim();
    if (pair.startsWith(name) && pair[name.length] === "=") {
      const value = pair.slice(name.length + 1);
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
    from = end + 1;
  }
  return undefined;
}

function nextSeparator(text: string, from: number): number {
  const semicolon = text.indexOf(";", from);
  const comma = text.indexOf(",", from);
  return Math.min(semicolon < 0 ? text.length : semicolon, comma < 0 ? text.length : comma);
}

/** A random value of 64 bits: it says nothing of the client and is nobody else's. A life of 0 is the browser session's. */
function cookieMaker(
  { name, path, attributes = [] }: NonNullable<ConsistentHash["cookie"]>,
  ttlMs: number,
): CookieMaker {
  const maxAge = ttlMs === 0 ? "" : `; Max-Age=${Math.max(Math.round(ttlMs / 1000), 1)}`;
  const all = [...(path ? [{ name: "Path", value: path }] : []), ...attributes].map((each) =>
    // Nothing in it may begin an attribute of its own.
    each.value ? `; ${plain(each.name)}=${plain(each.value)}` : `; ${plain(each.name)}`,
  );
  const rest = `${maxAge}${all.join("")}; HttpOnly`;
  return {
    make(random) {
      const value = half(random) + half(random);
      return { hash: hashString(value), setCookie: `${name}=${value}${rest}` };
    },
  };
}

function plain(text: string): string {
  return text.replace(/[;\r\n\0]/g, "");
}

function half(random: Random): string {
  return Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
}
