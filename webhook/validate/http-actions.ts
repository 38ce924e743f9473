import { exclusive, type Field } from "./field.ts";
import { isToken } from "./header-operations.ts";
import { checkPort } from "./names.ts";
import { checkStringMatch } from "./string-match.ts";
import { checkDuration, checkRegex } from "./values.ts";

/** `http[].rewrite`. */
export function checkRewrite(field: Field): void {
  if (!field.present || !field.object(["uri", "authority", "uriRegexRewrite"])) return;
  exclusive(field, ["uri", "uriRegexRewrite"]);
  const [uri, authority] = [field.at("uri").text(), field.at("authority").text()];
  const regex = field.at("uriRegexRewrite");
  if (!uri && !authority && !regex.present) field.required("at least one of uri, uriRegexRewrite, authority");
  if (!regex.present || !regex.object(["match", "rewrite"])) return;
  if (regex.at("match").present) checkRegex(regex.at("match"));
  else regex.at("match").required("the expression to look for");
  if (!regex.at("rewrite").text()) regex.at("rewrite").required("what to put in its place");
}

/** `http[].redirect`; `matches` are those of its route. */
export function checkRedirect(field: Field, matches: readonly Field[]): void {
  const members = ["uri", "authority", "port", "derivePort", "scheme", "redirectCode", "prefixRewrite"];
  if (!field.present || !field.object(members)) return;
  exclusive(field, ["uri", "prefixRewrite"]);
  exclusive(field, ["port", "derivePort"]);
  for (const name of ["uri", "authority", "prefixRewrite"]) field.at(name).text();
  if (field.at("prefixRewrite").present) {
    for (const match of matches) {
      const uri = match.at("uri");
      if (uri.present && !uri.at("prefix").present) {
        field.at("prefixRewrite").forbidden(`needs prefix matches alone, and ${uri.path} is none`);
      }
    }
  }
  const told = ["uri", "prefixRewrite", "authority", "scheme", "port", "derivePort"];
  if (!told.some((name) => field.at(name).present && field.at(name).value !== "")) {
    field.required("at least one of uri, prefixRewrite, authority, scheme, port, derivePort");
  }
  field.at("redirectCode").integer(300, 399);
  if (field.at("scheme").value !== "") field.at("scheme").choice(["http", "https"]);
  checkPort(field.at("port"));
  field.at("derivePort").choice(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]);
}

const mebibyte = 1_048_576;
const largeBody = 102_400;

/** `http[].directResponse`. */
export function checkDirectResponse(field: Field): void {
  if (!field.present || !field.object(["status", "body"])) return;
  if (field.at("status").present) field.at("status").integer(200, 600);
  else field.at("status").required("the response's status, 200 to 600");
  const body = field.at("body");
  if (!body.present || !body.object(["string", "bytes"])) return;
  exclusive(body, ["string", "bytes"]);
  const [text, encoded] = [body.at("string").text(), body.at("bytes").text()];
  if (encoded !== undefined && !/^[A-Za-z0-9+/_-]*={0,2}$/.test(encoded))
    body.at("bytes").invalid("must be base64");
  const size = text === undefined ? Math.floor(((encoded ?? "").length * 3) / 4) : Buffer.byteLength(text);
  if (size > mebibyte) body.forbidden(`${size} bytes; a body may have at most ${mebibyte}`);
  else if (size > largeBody)
    body.warn(`${size} bytes are held by every proxy concerned; keep it under ${largeBody}`);
}

const corsMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

/** `http[].corsPolicy`. */
export function checkCors(field: Field): void {
  const members = [
    "allowOrigin",
    "allowOrigins",
    "allowMethods",
    "allowHeaders",
    "exposeHeaders",
    "maxAge",
    "allowCredentials",
    "unmatchedPreflights",
  ];
  if (!field.present || !field.object(members)) return;
  for (const origin of field.at("allowOrigins").items()) {
    checkStringMatch(origin);
    const exact = origin.at("exact");
    if (exact.value === "") exact.invalid("must not be empty");
    if (origin.size === 0) origin.required("one of exact, prefix, regex");
  }
  if (field.at("allowOrigin").texts().length > 0)
    field.at("allowOrigin").warn("is deprecated; use allowOrigins");
  for (const method of field.at("allowMethods").items()) method.choice(corsMethods);
  for (const name of ["allowHeaders", "exposeHeaders"]) {
    for (const { text, field: item } of field.at(name).texts()) {
      if (!isToken(text)) item.invalid('must be the name of a header, or "*"');
    }
  }
  checkDuration(field.at("maxAge"), { wholeSeconds: true });
  field.at("allowCredentials").boolean();
  field.at("unmatchedPreflights").choice(["UNSPECIFIED", "FORWARD", "IGNORE"]);
}
