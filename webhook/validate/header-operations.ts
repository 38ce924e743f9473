import type { Field } from "./field.ts";

const headerName = /^[-_A-Za-z0-9]+$/;

/** RFC 9110 section 5.6.2. */
const token = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;

export function isHeaderName(text: string): boolean {
  return headerName.test(text);
}

export function isToken(text: string): boolean {
  return token.test(text);
}

/** How a message is framed and what its connection does is not for routes to say. */
const framing = [
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "upgrade",
];

/** The variables that have a value; the last ones in responses only. docs/validation.md lists them. */
export const headerVariables: readonly string[] = [
  "REQ",
  "PROTOCOL",
  "START_TIME",
  "HOSTNAME",
  "ROUTE_NAME",
  "UPSTREAM_CLUSTER",
  "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_LOCAL_ADDRESS",
  "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
  "DOWNSTREAM_LOCAL_PORT",
  "RESP",
  "RESPONSE_CODE",
  "UPSTREAM_HOST",
  "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
];

/** `headers`: what is set, added and removed on the request and the response. Of a route or of one destination. */
export function checkHeaderOperations(field: Field): void {
  if (!field.present || !field.object(["request", "response"])) return;
  for (const direction of ["request", "response"] as const) {
    const operations = field.at(direction);
    if (!operations.present || !operations.object(["set", "add", "remove"])) continue;
    for (const name of ["set", "add"]) {
      for (const { key, field: entry } of operations.at(name).entries()) {
        checkName(key, entry, direction === "request");
        checkHeaderValue(entry);
      }
    }
    for (const { text, field: item } of operations.at("remove").texts()) checkName(text, item, false);
  }
}

/** Where a route says what the request's authority becomes; only one may. */
export function authorityWrites(headers: Field): Field[] {
  const request = headers.at("request");
  return ["set", "add"].flatMap((name) =>
    (typeof request.at(name).value === "object" ? request.at(name).entries() : [])
      .filter(({ key }) => isAuthority(key))
      .map(({ field }) => field),
  );
}

function isAuthority(name: string): boolean {
  return name === ":authority" || name.toLowerCase() === "host";
}

function checkName(name: string, field: Field, authorityAllowed: boolean): void {
  if (isAuthority(name)) {
    if (!authorityAllowed) field.forbidden(`${name} cannot be changed here; use rewrite.authority`);
  } else if (name.startsWith(":")) {
    field.forbidden("pseudo headers other than :authority cannot be changed");
  } else if (!headerName.test(name)) {
    field.invalid("the header's name must be letters, digits, '-' or '_'", name);
  } else if (framing.includes(name.toLowerCase())) {
    field.warn("has no effect: messages are framed by whoever sends them");
  }
}

/**
 * A header's value may hold variables, `%NAME%` or `%NAME(arguments)%`; a literal percent sign is `%%`. Control
 * characters other than tab would end the header.
 */
function checkHeaderValue(field: Field): void {
  const text = field.text();
  if (text === undefined) return;
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) {
    field.invalid("must not contain control characters");
    return;
  }
  if (!isBalancedFormat(text)) {
    field.invalid("must close every %VARIABLE% it opens; a literal percent sign is written %%");
    return;
  }
  for (const [, name] of text.matchAll(/%%|%([A-Z][A-Z0-9_]*)(?:\([^)]*\))?(?::[0-9]+)?%/g)) {
    if (name !== undefined && !headerVariables.includes(name)) {
      field.warn(`%${name}% is not honoured yet: it is empty`);
    }
  }
}

function isBalancedFormat(text: string): boolean {
  let rest = text;
  for (;;) {
    const start = rest.indexOf("%");
    if (start === -1) return true;
    rest = rest.slice(start);
    const variable = /^%(?:%|[A-Z][A-Z0-9_]*(?:\([^)]*\)(?::[0-9]+)?)?%)/.exec(rest);
    if (variable === null) return false;
    rest = rest.slice(variable[0].length);
  }
}
