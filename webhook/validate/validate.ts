import { isObject, text } from "../json.ts";
import { Report, type ValidationResult } from "../report.ts";
import { checkAuthorizationPolicy } from "./authorization-policy.ts";
import { checkDestinationRule } from "./destination-rule.ts";
import { checkEnvoyFilter } from "./envoy-filter.ts";
import { Field } from "./field.ts";
import { checkPeerAuthentication } from "./peer-authentication.ts";
import { checkRequestAuthentication } from "./request-authentication.ts";
import { checkServiceEntry } from "./service-entry.ts";
import { warnUnhonoured } from "./unhonoured.ts";
import { checkVirtualService } from "./virtual-service.ts";

interface Kind {
  readonly versions: readonly string[];
  readonly check: ((spec: Field, namespace: string) => void) | undefined;
}

const networking = ["v1", "v1beta1", "v1alpha3"];
const security = ["v1", "v1beta1"];

/** Istio's kinds and the versions they are served in. Kinds without a check are admitted with a warning. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["networking.istio.io/VirtualService", { versions: networking, check: checkVirtualService }],
  ["networking.istio.io/DestinationRule", { versions: networking, check: checkDestinationRule }],
  ["security.istio.io/PeerAuthentication", { versions: security, check: checkPeerAuthentication }],
  ["security.istio.io/AuthorizationPolicy", { versions: security, check: checkAuthorizationPolicy }],
  ["networking.istio.io/Gateway", { versions: networking, check: undefined }],
  ["networking.istio.io/ServiceEntry", { versions: networking, check: checkServiceEntry }],
  ["networking.istio.io/Sidecar", { versions: networking, check: undefined }],
  ["networking.istio.io/WorkloadEntry", { versions: networking, check: undefined }],
  ["networking.istio.io/WorkloadGroup", { versions: networking, check: undefined }],
  ["networking.istio.io/EnvoyFilter", { versions: ["v1alpha3"], check: checkEnvoyFilter }],
  ["networking.istio.io/ProxyConfig", { versions: ["v1beta1"], check: undefined }],
  ["security.istio.io/RequestAuthentication", { versions: security, check: checkRequestAuthentication }],
  ["telemetry.istio.io/Telemetry", { versions: ["v1", "v1alpha1"], check: undefined }],
  ["extensions.istio.io/WasmPlugin", { versions: ["v1alpha1"], check: undefined }],
  ["extensions.istio.io/TrafficExtension", { versions: ["v1alpha1"], check: undefined }],
]);

const groups = new Set([...kinds.keys()].map((name) => name.slice(0, name.indexOf("/"))));

/** All of Istio's kinds. */
export const knownKinds: readonly string[] = [...kinds.keys()].map((name) =>
  name.slice(name.indexOf("/") + 1),
);

/** Kinds whose every rule is checked. */
export const validatedKinds: readonly string[] = [...kinds]
  .filter(([, kind]) => kind.check !== undefined)
  .map(([name]) => name.slice(name.indexOf("/") + 1));

const dryRun = "istio.io/dry-run";

/**
 * Checks one object, of which nothing is assumed: all errors at once, each with its path. Objects of other API groups
 * are not ours to judge. Whether what is referred to exists is not asked, as that would break the order of GitOps.
 * `namespace` is for objects that do not name their own.
 */
export function validate(object: unknown, namespace = "default"): ValidationResult {
  const report = new Report();
  const root = new Field(report, "", object);
  if (!isObject(object)) {
    root.invalid("must be an object with apiVersion, kind, metadata and spec");
    return report;
  }
  const apiVersion = text(object.apiVersion) ?? "";
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
  if (!groups.has(group)) return report;
  const name = text(object.kind) ?? "";
  const kind = kinds.get(`${group}/${name}`);
  if (kind === undefined) {
    root.at("kind").invalid(`unrecognized type; expected ${kindsOf(group).join(", ")}`);
    return report;
  }
  if (!kind.versions.includes(version)) {
    root.at("apiVersion").invalid(`must be ${kind.versions.map((one) => `${group}/${one}`).join(", ")}`);
  }
  for (const member of Object.keys(object)) {
    if (!["apiVersion", "kind", "metadata", "spec", "status"].includes(member)) {
      root.at(member).forbidden("unknown field; an object has apiVersion, kind, metadata, spec and status");
    }
  }
  checkDryRun(root, name);
  if (kind.check === undefined) root.warn(`${name} is admitted without validation, and not honoured yet`);
  else kind.check(root.at("spec"), text(root.at("metadata").at("namespace").value) ?? namespace);
  warnUnhonoured(root.at("spec"), name);
  return report;
}

function kindsOf(group: string): string[] {
  return [...kinds.keys()]
    .filter((key) => key.startsWith(`${group}/`))
    .map((key) => key.slice(group.length + 1));
}

/** A dry run is for authorization that allows or denies. */
function checkDryRun(root: Field, kind: string): void {
  const annotations = root.at("metadata").at("annotations");
  if (!isObject(annotations.value) || !Object.hasOwn(annotations.value, dryRun)) return;
  const entry = annotations.entries().find(({ key }) => key === dryRun)?.field;
  const action = root.at("spec").at("action").value ?? "ALLOW";
  if (kind !== "AuthorizationPolicy" || (action !== "ALLOW" && action !== "DENY")) {
    entry?.forbidden("only an AuthorizationPolicy of action ALLOW or DENY can be a dry run");
  } else if (entry?.value !== "true" && entry?.value !== "false") {
    entry?.invalid('must be "true" or "false"');
  }
}
