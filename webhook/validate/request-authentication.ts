import { isObject } from "../json.ts";
import type { Field } from "./field.ts";
import { isToken } from "./header-operations.ts";
import { checkTargets } from "./targets.ts";
import { checkDuration } from "./values.ts";

const members = [
  "issuer",
  "audiences",
  "jwksUri",
  "jwks_uri",
  "jwks",
  "fromHeaders",
  "fromParams",
  "fromCookies",
  "outputPayloadToHeader",
  "outputClaimToHeaders",
  "forwardOriginalToken",
  "timeout",
  "spaceDelimitedClaims",
  "presence",
];
const mostDelimited = 64;
const framing = [
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
];
/** `RequestAuthentication.spec`; absent or empty, it asks for nothing. */
export function checkRequestAuthentication(spec: Field): void {
  if (!spec.present || !spec.object(["selector", "targetRef", "targetRefs", "jwtRules"])) return;
  checkTargets(spec);
  for (const rule of spec.at("jwtRules").items()) checkRule(rule);
}

function checkRule(rule: Field): void {
  if (!rule.object(members)) return;
  checkKeys(rule);
  for (const name of ["audiences", "fromParams", "fromCookies", "spaceDelimitedClaims"])
    rule.at(name).texts();
  const delimited = rule.at("spaceDelimitedClaims");
  if (delimited.size > mostDelimited)
    delimited.forbidden(`${delimited.size} claims; at most ${mostDelimited} are allowed`);
  for (const header of rule.at("fromHeaders").items()) {
    if (!header.object(["name", "prefix"])) continue;
    checkHeaderName(header.at("name"));
    header.at("prefix").text();
  }
  for (const output of rule.at("outputClaimToHeaders").items()) {
    if (!output.object(["header", "claim"])) continue;
    checkWritten(output.at("header"));
    if (!output.at("claim").text()) output.at("claim").required("the claim's name");
  }
  const payload = rule.at("outputPayloadToHeader");
  if (payload.present && payload.value !== "") checkWritten(payload);
  rule.at("forwardOriginalToken").boolean();
  checkDuration(rule.at("timeout"));
  rule.at("presence").choice(["OPTIONAL", "REQUIRED"]);
}

function checkHeaderName(field: Field): void {
  const name = field.text();
  if (!field.present || name === "") field.required("a header's name");
  else if (name !== undefined && !isToken(name)) field.invalid("must be a header's name, such as x-user");
}

/** A header that the application gets. What its claim says is its bearer's choice, so it must not say where a message ends. */
function checkWritten(field: Field): void {
  checkHeaderName(field);
  if (framing.includes(String(field.value).toLowerCase()))
    field.forbidden("says how a message is framed or routed");
}

/** Whose tokens, and what they are verified with: keys in place, by address, or by what the issuer publishes. */
function checkKeys(rule: Field): void {
  const issuer = rule.at("issuer").text() ?? "";
  const places = ["jwksUri", "jwks_uri", "jwks"].filter((name) => (rule.at(name).text() ?? "") !== "");
  for (const name of places.slice(1)) rule.at(name).forbidden(`may not be used together with ${places[0]}`);
  if (issuer === "" && !places.includes("jwksUri") && !places.includes("jwks_uri"))
    rule.at("issuer").required("whose tokens are taken; without an issuer, jwksUri");
  for (const name of ["jwksUri", "jwks_uri"]) if (places.includes(name)) checkAddress(rule.at(name));
  if (places.includes("jwks")) checkKeySet(rule.at("jwks"));
}

function checkAddress(field: Field): void {
  const url = URL.parse(String(field.value));
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:") || url.hostname === "")
    field.invalid("must be an https:// or http:// address");
  else if (url.username !== "" || url.password !== "") field.invalid("must not hold a user or a password");
}

function checkKeySet(field: Field): void {
  const keys = keysOf(String(field.value));
  if (keys === undefined) {
    field.invalid('must be a JSON Web Key Set: {"keys": […]}', "…");
    return;
  }
  if (keys.some((key) => isObject(key) && (key.kty === "oct" || Object.hasOwn(key, "d"))))
    field.warn("holds a secret key, which whoever reads this object can sign tokens with");
}

function keysOf(text: string): readonly unknown[] | undefined {
  try {
    const document: unknown = JSON.parse(text);
    if (!isObject(document) || !Array.isArray(document.keys)) return undefined;
    return document.keys.every((key) => isObject(key) && typeof key.kty === "string")
      ? document.keys
      : undefined;
  } catch {
    return undefined;
  }
}
