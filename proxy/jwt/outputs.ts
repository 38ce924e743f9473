/** Headers that tell the application what a verified token says. */
import type { JwtRule } from "../../crds/workload-config.ts";
import { lookup, scalarText } from "./claims.ts";
import type { JsonObject } from "./json.ts";
import type { Token } from "./token.ts";

/** The lower-case names of the headers that a rule writes; what clients send under these is dropped. */
export function outputNames(rule: JwtRule): string[] {
  const { outputPayloadToHeader, outputClaimToHeaders } = rule;
  const claims = outputClaimToHeaders.map(({ header }) => header.toLowerCase());
  return outputPayloadToHeader === undefined ? claims : [outputPayloadToHeader.toLowerCase(), ...claims];
}

/** The headers by lower-case name. Claims that are missing, no scalars or no header's value are left out. */
export function outputsOf(rule: JwtRule, token: Token): ReadonlyMap<string, string> {
  const outputs = new Map<string, string>();
  if (rule.outputPayloadToHeader !== undefined)
    outputs.set(rule.outputPayloadToHeader.toLowerCase(), token.payload);
  for (const { header, claim } of rule.outputClaimToHeaders) {
    const value = headerValue(claimAt(token.claims, claim));
    if (value !== undefined) outputs.set(header.toLowerCase(), value);
  }
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
