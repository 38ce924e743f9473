/**
 * The one edge where compiled objects come in: unknown JSON from the API server, the last-good file or a folder becomes a
 * CompiledObject, or a ConfigError that says what in which object was not as expected.
 */
import type { EndpointsPart, IndexEntry, ServicePart } from "../../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../../crds/workload-config.ts";
import { ConfigError } from "../errors.ts";
import { jwtRule, rateLimit } from "./inbound.ts";
import { PackedList } from "./packed-list.ts";
import { clusterPolicy, connectionPool } from "./policy.ts";
import { RawList } from "./raw-json.ts";
import { httpRoute, tcpRoute, tlsRoute } from "./route.ts";
import {
  type Decoder,
  exactly,
  flag,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  port,
  ShapeError,
  text,
} from "./shape.ts";

/** What of an object's metadata counts. */
export interface ObjectMeta {
  readonly kind: "ServiceConfig" | "WorkloadConfig";
  readonly namespace: string;
  readonly name: string;
  /** The service's key, `index`, or "" for a WorkloadConfig. */
  readonly key: string;
  readonly resourceVersion: string;
}

/** An index part whose services are still JSON. */
export interface PackedIndexPart {
  readonly namespace: string;
  readonly services: PackedList;
}

/** Where in a watch event, and where in an object, the list stands that is kept raw. */
export const rawInEvent = ["object", "status", "index", "services"] as const;
export const rawInObject = ["status", "index", "services"] as const;

/** A compiled object's content; `service` and the other parts as crds/ describes them. */
export type Part =
  | { readonly kind: "index"; readonly index: PackedIndexPart }
  | { readonly kind: "service"; readonly service: ServicePart }
  | { readonly kind: "endpoints"; readonly endpoints: EndpointsPart }
  | { readonly kind: "workload"; readonly workload: WorkloadConfigStatus };

export interface CompiledObject {
  readonly meta: ObjectMeta;
  readonly hash: string;
  readonly generations: readonly string[];
  /** Unix ms; undefined when control did not say. */
  readonly writtenAt: number | undefined;
  readonly part: Part;
}

const keyLabel = "mesh.weft.dev/key";

const metadata = object({
  name: text,
  namespace: text,
  resourceVersion: optional(text),
  labels: map(text),
});
const envelope = object({ kind: optional(text), metadata });

/** The metadata of any object, before its content is looked at. Throws ConfigError. */
export function decodeMeta(value: unknown, kind: ObjectMeta["kind"]): ObjectMeta {
  return guarded(kind, "", () => {
    const { name, namespace, resourceVersion, labels } = envelope(value).metadata;
    return { kind, namespace, name, key: labels[keyLabel] ?? "", resourceVersion: resourceVersion ?? "" };
  });
}

/** An object whole; undefined while control has written no status yet. Throws ConfigError. */
export function decodeObject(value: unknown, meta: ObjectMeta): CompiledObject | undefined {
  const status = (value as { status?: unknown }).status;
  if (status === undefined || status === null || Object.keys(status).length === 0) return undefined;
  return guarded(objectName(meta), ".status", () => {
    const { hash, generations, writtenAt } = header(status);
    const at = writtenAt === undefined ? Number.NaN : Date.parse(writtenAt);
    const part = meta.kind === "WorkloadConfig" ? workloadPart(status) : servicePart(status);
    return { meta, hash, generations, writtenAt: Number.isNaN(at) ? undefined : at, part };
  });
}

/** `ServiceConfig/NAMESPACE/NAME`. */
export function objectName(meta: Pick<ObjectMeta, "kind" | "namespace" | "name">): string {
  return `${meta.kind}/${meta.namespace}/${meta.name}`;
}

function guarded<T>(what: string, within: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ShapeError)
      throw new ConfigError("WEFT_CONFIG_MALFORMED", `${what}: ${error.within(within).message}`);
    throw error;
  }
}

const header = object({ hash: text, generations: list(text), writtenAt: optional(text) });

const whole = number();
const protocol = oneOf("http", "http2", "grpc", "https", "tls", "tcp", "auto");

/** One service of an index part: decoded when it is looked up. */
export const indexEntry: Decoder<IndexEntry> = object({
  name: text,
  key: text,
  addresses: list(text),
  ports: list(object({ port, protocol, name: optional(text) })),
  headless: optional(flag),
  hosts: optional(list(text)),
  exportTo: optional(list(text)),
});

const services: Decoder<PackedList> = (value) =>
  PackedList.of(value instanceof RawList ? value : RawList.of(list((each) => each)(value)));
const index: Decoder<PackedIndexPart> = object({ namespace: text, services });

const view = object({
  http: list(httpRoute),
  tcp: list(tcpRoute),
  tls: list(tlsRoute),
  clusters: list(clusterPolicy),
  selected: optional(list(object({ labels: map(text), clusters: list(clusterPolicy) }))),
});

const service: Decoder<ServicePart> = object({
  name: text,
  namespace: text,
  key: text,
  host: text,
  endpointSlices: number(0, 10_000),
  resolution: optional(oneOf("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN")),
  common: view,
  variants: list(object({ namespaces: list(text), view })),
});

const endpoints: Decoder<EndpointsPart> = object({
  key: text,
  slice: whole,
  of: whole,
  endpoints: list(
    object({
      address: text,
      dns: optional(flag),
      ports: list(object({ port, target: port })),
      ready: flag,
      identity: optional(text),
      mtls: flag,
      plaintextPorts: optional(list(port)),
      labels: map(text),
      workload: optional(text),
      locality: optional(text),
      weight: number(0, 1_000_000),
      node: optional(text),
    }),
  ),
});

const parts = object({ index: optional(index), service: optional(service), endpoints: optional(endpoints) });

function servicePart(status: unknown): Part {
  const found = parts(status);
  if (found.index !== undefined) return { kind: "index", index: found.index };
  if (found.service !== undefined) return { kind: "service", service: found.service };
  if (found.endpoints !== undefined) return { kind: "endpoints", endpoints: found.endpoints };
  throw new ShapeError("expected one of index, service, endpoints, found none");
}

const mtls = oneOf("STRICT", "PERMISSIVE", "DISABLE");
const strings = optional(list(text));

// A condition of a later release that an older proxy left out would let more through than the user wrote.
const rule = exactly({
  from: list(
    exactly({
      principals: strings,
      notPrincipals: strings,
      requestPrincipals: strings,
      notRequestPrincipals: strings,
      namespaces: strings,
      notNamespaces: strings,
      serviceAccounts: strings,
      notServiceAccounts: strings,
      ipBlocks: strings,
      notIpBlocks: strings,
      remoteIpBlocks: strings,
      notRemoteIpBlocks: strings,
      trustDomains: strings,
      notTrustDomains: strings,
    }),
  ),
  to: list(
    exactly({
      hosts: strings,
      notHosts: strings,
      ports: strings,
      notPorts: strings,
      methods: strings,
      notMethods: strings,
      paths: strings,
      notPaths: strings,
    }),
  ),
  when: list(exactly({ key: text, values: list(text), notValues: list(text) })),
});

const workload: Decoder<WorkloadConfigStatus> = object({
  revision: text,
  hash: text,
  generations: list(text),
  workload: object({ name: text, namespace: text, kind: text, labels: map(text) }),
  localities: list(object({ locality: text, nodes: list(text) })),
  zones: list(object({ zone: text, pods: number(1) })),
  trustDomain: text,
  trustBundle: text,
  mtls,
  ports: list(
    object({ port, protocol, mtls, service: optional(text), connectionPool: optional(connectionPool) }),
  ),
  authorization: list(
    object({
      name: text,
      namespace: text,
      action: oneOf("ALLOW", "DENY", "AUDIT", "CUSTOM"),
      dryRun: optional(oneOf("ALLOW", "DENY")),
      rules: list(rule),
    }),
  ),
  egress: object({ outboundTrafficPolicy: oneOf("ALLOW_ANY", "REGISTRY_ONLY"), hosts: strings }),
  telemetry: object({ accessLog: flag, accessLogEncoding: optional(oneOf("TEXT", "JSON")) }),
  jwtRules: list(jwtRule),
  rateLimits: optional(list(rateLimit)),
  bodyLimits: optional(list(object({ name: text, port: optional(port), bytes: whole }))),
});

function workloadPart(status: unknown): Part {
  return { kind: "workload", workload: workload(status) };
}
