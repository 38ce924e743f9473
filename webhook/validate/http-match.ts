import type { Field } from "./field.ts";
import { isHeaderName } from "./header-operations.ts";
import { checkLabels } from "./labels.ts";
import { checkDnsLabel, checkPort, isDnsLabel, isFqdn } from "./names.ts";
import { checkStringMatch } from "./string-match.ts";

const members = [
  "name",
  "uri",
  "scheme",
  "method",
  "authority",
  "headers",
  "port",
  "sourceLabels",
  "gateways",
  "queryParams",
  "ignoreUriCase",
  "withoutHeaders",
  "sourceNamespace",
  "statPrefix",
];

const pseudoHeaders = new Set([":method", ":scheme", ":authority", ":path"]);
const claimHeader = /^@request\.auth\.claims(?:\.[^.[\]]+(?:\.[^.[\]]+)*|(?:\[[^[\]]+\])+)$/;

/** One entry of `http[].match`. JWT claims are known at a gateway alone. */
export function checkHttpMatch(field: Field, atGateway: boolean): void {
  if (!field.object(members)) return;
  for (const name of ["name", "statPrefix"]) field.at(name).text();
  if (field.at("uri").present) checkStringMatch(field.at("uri"), { emptyPrefix: true });
  for (const name of ["scheme", "method", "authority"]) {
    if (field.at(name).present) checkStringMatch(field.at(name));
  }
  field.at("ignoreUriCase").boolean();
  for (const { key, field: entry } of field.at("headers").entries()) {
    checkMatchedHeader(key, entry, atGateway);
    if (entry.present) checkStringMatch(entry);
    else entry.required("a match; {} stands for a header that is there");
  }
  for (const { key, field: entry } of field.at("withoutHeaders").entries()) {
    checkMatchedHeader(key, entry, atGateway);
    if (entry.present) checkStringMatch(entry, { star: true });
    else entry.required("a match; {} stands for a header that is there");
  }
  for (const { key, field: entry } of field.at("queryParams").entries()) {
    if (key === "") entry.invalid("the parameter's name must not be empty", key);
    if (entry.present) checkStringMatch(entry);
    else entry.required("a match; {} stands for a parameter that is there");
  }
  if (field.at("port").value !== 0) checkPort(field.at("port"));
  checkLabels(field.at("sourceLabels"));
  if (field.at("sourceNamespace").value !== "") checkDnsLabel(field.at("sourceNamespace"));
  checkGatewayNames(field.at("gateways"));
}

function checkMatchedHeader(name: string, field: Field, atGateway: boolean): void {
  if (name.startsWith("@request.auth.claims")) {
    if (!claimHeader.test(name))
      field.invalid("the claim must be named @request.auth.claims.NAME or [NAME]", name);
    else if (!atGateway)
      field.forbidden("JWT claims can be matched only in a VirtualService bound to gateways alone");
  } else if (name.startsWith(":")) {
    if (!pseudoHeaders.has(name)) field.invalid("must be one of :method, :scheme, :authority, :path", name);
  } else if (!isHeaderName(name)) {
    field.invalid("the header's name must be letters, digits, '-' or '_'", name);
  }
}

/** `mesh`, `namespace/name`, or a name alone. */
export function checkGatewayNames(field: Field): void {
  for (const { text, field: item } of field.texts()) {
    const slash = text.indexOf("/");
    if (slash !== -1) {
      const [namespace, name] = [text.slice(0, slash), text.slice(slash + 1)];
      if (!isDnsLabel(namespace) || !isDnsLabel(name)) item.invalid('must be "namespace/name" or a name');
    } else if (!isFqdn(text)) {
      item.invalid('must be "namespace/name" or a name');
    } else if (text.includes(".")) {
      item.warn(`"name.namespace" is an old form; write "namespace/name"`);
    }
  }
}
