/** Path and authority rewrites, and the target of a redirect: pure text in, text out (Istio HTTPRewrite, HTTPRedirect). */
import type { Rewrite } from "../../crds/service-config.ts";
import { pathOnly, queryOf } from "./query.ts";
import { compilePattern, type Pattern } from "./regex/pattern.ts";

/** A rewrite with its pattern compiled. */
export interface PathRewrite {
  /** `prefix` is what the request's rule matched (`matchedPrefix`); the query stays as it is. */
  rewrite(path: string, prefix: string | undefined): string;
}

/** Compiles a path rewrite; undefined when there is none. Throws PatternError. */
export function compileRewrite(rewrite: Rewrite | undefined): PathRewrite | undefined {
  if (rewrite?.regex !== undefined) {
    const pattern: Pattern = compilePattern(rewrite.regex.match);
    const replacement = rewrite.regex.rewrite;
    return { rewrite: (path) => pattern.replaceAll(pathOnly(path), replacement) + queryOf(path) };
  }
  const uri = rewrite?.uri;
  if (uri === undefined || uri === "") return undefined;
  return { rewrite: (path, prefix) => replacePrefix(path, prefix, uri) };
}

/**
 * With a prefix match, exactly the prefix is replaced (`/foo` → `/` turns `/foo/bar` into `//bar`, as Istio does);
 * with an exact or regex match the whole path is.
 */
export function replacePrefix(path: string, prefix: string | undefined, replacement: string): string {
  if (prefix === undefined) return replacement + queryOf(path);
  return replacement + path.slice(prefix.length);
}

/** What a redirect says, as compiled. */
export interface Redirect {
  readonly uri?: string;
  readonly prefixRewrite?: string;
  readonly authority?: string;
  readonly scheme?: string;
  readonly port?: number;
  readonly derivePort?: "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT";
}

/** The Location of a redirect: what the rule does not name is the request's own; a scheme's default port is left out. */
export function redirectLocation(
  redirect: Redirect,
  request: {
    readonly path: string;
    readonly authority: string;
    readonly scheme: string;
    readonly port: number;
  },
  prefix: string | undefined,
): string {
  const scheme = redirect.scheme ?? request.scheme;
  const [host, requestPort] = splitAuthority(redirect.authority ?? request.authority);
  const path =
    redirect.prefixRewrite !== undefined
      ? replacePrefix(request.path, prefix, redirect.prefixRewrite)
      : redirect.uri !== undefined && redirect.uri !== ""
        ? redirect.uri + (redirect.uri.includes("?") ? "" : queryOf(request.path))
        : request.path;
  let port: string;
  if (redirect.port !== undefined) port = String(redirect.port);
  else if (redirect.derivePort === "FROM_REQUEST_PORT") port = String(request.port);
  else if (redirect.derivePort === "FROM_PROTOCOL_DEFAULT") port = "";
  // A new scheme makes the old one's explicit default port wrong, and no other.
  else if (redirect.scheme !== undefined && requestPort === defaultPort(request.scheme)) port = "";
  else port = requestPort;
  return `${scheme}://${host}${port === "" || port === defaultPort(scheme) ? "" : `:${port}`}${path}`;
}

function defaultPort(scheme: string): string {
  return scheme === "https" ? "443" : "80";
}

/** Host and port of an authority; IPv6 addresses keep their brackets. */
function splitAuthority(authority: string): [host: string, port: string] {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority);
  return match === null ? [authority, ""] : [match[1] ?? "", match[2] ?? ""];
}
