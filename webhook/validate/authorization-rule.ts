import type { Field } from "./field.ts";
import { isIpOrCidr } from "./names.ts";
import { pathTemplateProblem } from "./path-template.ts";

const sourceFields = [
  "principals",
  "requestPrincipals",
  "namespaces",
  "serviceAccounts",
  "ipBlocks",
  "remoteIpBlocks",
  "trustDomains",
];
const operationFields = ["hosts", "ports", "methods", "paths"];

/** Source fields that only an HTTP request has. */
export const layer7SourceFields = withNot(["requestPrincipals", "remoteIpBlocks"]);
/** Operation fields that only an HTTP request has. */
export const layer7OperationFields = withNot(["hosts", "methods", "paths"]);

/** What an external authorizer cannot be told, as it runs before the peer is matched. */
const unknownToCustom = withNot([
  "namespaces",
  "serviceAccounts",
  "trustDomains",
  "principals",
  "requestPrincipals",
]);

const mostServiceAccounts = 16;
const longestServiceAccount = 320;

function withNot(names: readonly string[]): string[] {
  return names.flatMap((name) => [name, negated(name)]);
}

/** `principals` → `notPrincipals` */
function negated(name: string): string {
  return `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** One `from[].source`. */
export function checkSource(source: Field, custom: boolean): void {
  const members = withNot(sourceFields);
  if (!source.object(members)) return;
  if (!members.some((name) => source.at(name).present)) source.required("at least one field: who is meant");
  for (const name of members) {
    const list = source.at(name);
    const items = list.texts();
    if (custom && list.present && unknownToCustom.includes(name)) {
      list.forbidden("cannot be used with action CUSTOM");
    }
    if (/ipBlocks$/i.test(name)) for (const item of items) checkIpBlock(item);
    if (/serviceAccounts$/i.test(name)) checkServiceAccounts(list, items);
    if (/trustDomains$/i.test(name)) for (const item of items) checkTrustDomain(item);
  }
  const accounts = withNot(["serviceAccounts"]).find((name) => source.at(name).present);
  const others = withNot(["principals", "namespaces"]).find((name) => source.at(name).present);
  if (accounts !== undefined && others !== undefined) {
    source.at(accounts).forbidden(`may not be used together with ${others}: an account names its namespace`);
  }
}

/** One `to[].operation`. */
export function checkOperation(operation: Field): void {
  const members = withNot(operationFields);
  if (!operation.object(members)) return;
  if (!members.some((name) => operation.at(name).present))
    operation.required("at least one field: what is meant");
  for (const name of members) {
    for (const { text, field } of operation.at(name).texts()) {
      if (/ports$/i.test(name)) checkPortText(text, field);
      if (/paths$/i.test(name)) {
        const problem = pathTemplateProblem(text);
        if (problem !== undefined) field.invalid(problem);
      }
    }
  }
}

type Item = { readonly text: string; readonly field: Field };

export function checkIpBlock({ text, field }: Item): void {
  if (!isIpOrCidr(text)) field.invalid("must be an IP address or a CIDR, such as 198.18.0.0/15");
}

export function checkPortText(text: string, field: Field): void {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65_535)
    field.invalid("must be a port: a number from 0 to 65535");
}

/** `account`, of the policy's namespace, or `namespace/account`. */
export function checkServiceAccount({ text, field }: Item): void {
  const parts = text.split("/");
  if (text.includes("*")) field.invalid("must not contain *: wildcards are not supported here");
  else if (parts.length > 2 || parts.includes("") || text.length > longestServiceAccount) {
    field.invalid('must be "serviceAccount" or "namespace/serviceAccount"');
  }
}

function checkServiceAccounts(list: Field, items: readonly Item[]): void {
  if (items.length > mostServiceAccounts) {
    list.forbidden(`${items.length} accounts; at most ${mostServiceAccounts} are allowed`);
  }
  for (const item of items) checkServiceAccount(item);
}

export function checkTrustDomain({ text, field }: Item): void {
  if (text.includes("/")) field.invalid('must be a trust domain, without "/"');
  else if (text.split("*").length > 2) field.invalid("must contain at most one *");
}
