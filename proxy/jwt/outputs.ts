/** Headers that tell the application what a verified token says. */
import type { JwtRule } from "../../crds/workload-config.ts";
import { lookup, scalarText } from "./claims.ts";
import type { JsonObject } from "./json.ts";
import type { Token } from "./token.ts";

/** What a claim says is its bearer's choice, so it must not say how the request is framed, routed or trusted. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "x-forwarded-client-cert",
]);

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The lower-case names of the headers that a rule writes; what clients send under these is dropped. */
export function outputNames(rule: JwtRule): string[] {
  const names = rule.outputClaimToHeaders.map(({ header }) => header);
  if (rule.outputPayloadToHeader !== undefined) names.push(rule.outputPayloadToHeader);
  return names.map((name) => name.toLowerCase()).filter(writable);
}

function writable(name: string): boolean {
  return NAME.test(name) && !FORBIDDEN.has(name);
}

/** The headers by lower-case name. Claims that are missing, no scalars or no header's value are left out. */
export function outputsOf(rule: JwtRule, token: Token): ReadonlyMap<string, string> {
  const outputs = new Map<string, string>();
  const set = (header: string, value: string | undefined) => {
    const name = header.toLowerCase();
    if (value !== undefined && writable(name)) outputs.set(name, value);
  };
  if (rule.outputPayloadToHeader !== undefined) set(rule.outputPayloadToHeader, token.payload);
  for (const { header, claim } of rule.outputClaimToHeaders)
    set(header, headerValue(claimAt(token.claims, claim)));
  return outputs;
}

/** A claim by its name, or by the path that dots make of it. */
function claimAt(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : lookup(claims, name.split("."));
}

/**
 * Heads are written byte for byte as latin1, so that UTF-8 has to be spelt out here. A line break in a claim must not become one
 * in the head (RFC 9110 section 5.5).
 */
function headerValue(claim: unknown): string | undefined {
  const text = scalarText(claim);
  if (text === undefined || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return undefined;
  return Buffer.from(text, "utf8").toString("latin1").trim();
}

export function headerLines(outputs: ReadonlyMap<string, string>): string {
  let lines = "";
  for (const [name, value] of outputs) lines += `${name}: ${value}\r\n`;
  return lines;
}
