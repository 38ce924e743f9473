import { checkWeightedDestinations } from "./destination.ts";
import { checkFault } from "./fault.ts";
import type { Field } from "./field.ts";
import { authorityWrites, checkHeaderOperations } from "./header-operations.ts";
import { checkCors, checkDirectResponse, checkRedirect, checkRewrite } from "./http-actions.ts";
import { checkHttpMatch } from "./http-match.ts";
import { checkMirrors } from "./mirror.ts";
import { isDnsLabel, isFqdn } from "./names.ts";
import { checkRetries } from "./retries.ts";
import { checkDuration } from "./values.ts";

const members = [
  "name",
  "match",
  "route",
  "redirect",
  "directResponse",
  "delegate",
  "rewrite",
  "timeout",
  "retries",
  "fault",
  "mirror",
  "mirrors",
  "mirrorPercent",
  "mirror_percent",
  "mirrorPercentage",
  "corsPolicy",
  "headers",
];

export interface HttpRouteContext {
  /** Bound to gateways alone, and not to sidecars. */
  readonly atGateway: boolean;
  /** The VirtualService has no hosts: another one delegates to it. */
  readonly isDelegate: boolean;
}

/** One entry of `http`. */
export function checkHttpRoute(field: Field, context: HttpRouteContext): void {
  if (!field.object(members)) return;
  field.at("name").text();
  const matches = field.at("match").items();
  for (const match of matches) checkHttpMatch(match, context.atGateway);
  checkAction(field, context);
  if (field.at("route").present) checkWeightedDestinations(field.at("route"), ["headers"]);
  checkRedirect(field.at("redirect"), matches);
  checkDirectResponse(field.at("directResponse"));
  checkRewrite(field.at("rewrite"));
  checkDuration(field.at("timeout"));
  checkRetries(field.at("retries"));
  checkFault(field.at("fault"));
  checkMirrors(field);
  checkCors(field.at("corsPolicy"));
  checkHeaderOperations(field.at("headers"));
  checkSingleAuthority(field);
}

/** A request is forwarded, redirected, answered, or given to another VirtualService: one of the four. */
function checkAction(field: Field, context: HttpRouteContext): void {
  const has = (name: string) => field.at(name).present && (name !== "route" || field.at(name).size > 0);
  if (field.at("delegate").present) {
    checkDelegate(field, context);
    return;
  }
  for (const action of ["redirect", "directResponse"]) {
    if (!field.at(action).present) continue;
    for (const other of ["route", "fault", "rewrite"]) {
      if (has(other)) field.at(other).forbidden(`HTTP route cannot contain both ${other} and ${action}`);
    }
  }
  if (field.at("redirect").present && field.at("directResponse").present) {
    field.at("directResponse").forbidden("HTTP route cannot contain both redirect and directResponse");
  }
  if (!has("route") && !has("redirect") && !has("directResponse")) {
    field.required("HTTP route, redirect or directResponse is required");
  }
}

function checkDelegate(field: Field, context: HttpRouteContext): void {
  const delegate = field.at("delegate");
  if (context.isDelegate)
    delegate.forbidden("a VirtualService without hosts is itself delegated to: one level is all");
  for (const other of ["route", "redirect", "directResponse"]) {
    if (field.at(other).present)
      field.at(other).forbidden(`HTTP route cannot contain both ${other} and delegate`);
  }
  if (!delegate.object(["name", "namespace"])) return;
  const [name, namespace] = [delegate.at("name"), delegate.at("namespace")];
  const [nameText, namespaceText] = [name.text(), namespace.text()];
  if (nameText && !isFqdn(nameText)) name.invalid("must be the name of a VirtualService");
  if (namespaceText && !isDnsLabel(namespaceText)) namespace.invalid("must be the name of a namespace");
}

function checkSingleAuthority(field: Field): void {
  const rewrite = field.at("rewrite").at("authority");
  const writes = [
    ...(rewrite.present && rewrite.value !== "" ? [rewrite] : []),
    ...authorityWrites(field.at("headers")),
  ];
  for (const write of writes.slice(1)) {
    write.forbidden(`the authority may be set once, and ${writes[0]?.path} sets it already`);
  }
}
