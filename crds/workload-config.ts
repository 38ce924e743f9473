/**
 * WorkloadConfig: what one workload's proxies need to know of themselves, compiled by control into `status`:
 * ports, mutual TLS, authorization, egress. Proxies act on `status` alone; `spec` is always empty.
 */
import { header, portNumber, protocol } from "./compiled/common.ts";
import { connectionPool } from "./compiled/policy.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import {
  boolean,
  enumeration,
  type Infer,
  integer,
  labels,
  list,
  object,
  required,
  string,
  strings,
} from "./schema.ts";

const mtlsMode = (description: string) => enumeration(description, ["STRICT", "PERMISSIVE", "DISABLE"]);

const inboundPort = object("One port of the application.", {
  port: required(portNumber("The container's port.")),
  protocol: required(protocol("What is spoken on it.")),
  mtls: required(mtlsMode("Who may connect.")),
  service: string("FQDN of the service it serves."),
  connectionPool,
});

const source = object("Who calls: all fields hold; in each field, one value does.", {
  principals: strings("Identities, `trust-domain/ns/namespace/sa/account`."),
  notPrincipals: strings("Identities excluded."),
  requestPrincipals: strings("Token identities, `issuer/subject`."),
  notRequestPrincipals: strings("Token identities excluded."),
  namespaces: strings("Namespaces."),
  notNamespaces: strings("Namespaces excluded."),
  serviceAccounts: strings("Service accounts, `namespace/name`."),
  notServiceAccounts: strings("Service accounts excluded."),
  ipBlocks: strings("Addresses or CIDRs of the peer."),
  notIpBlocks: strings("Addresses or CIDRs of the peer excluded."),
  remoteIpBlocks: strings("Addresses or CIDRs of the original client."),
  notRemoteIpBlocks: strings("Addresses or CIDRs of the original client excluded."),
  trustDomains: strings("Trust domains."),
  notTrustDomains: strings("Trust domains excluded."),
});

const operation = object("What is asked: all fields hold; in each field, one value does.", {
  hosts: strings("Hosts."),
  notHosts: strings("Hosts excluded."),
  ports: strings("Container ports, as text."),
  notPorts: strings("Container ports excluded."),
  methods: strings("Methods."),
  notMethods: strings("Methods excluded."),
  paths: strings("Paths."),
  notPaths: strings("Paths excluded."),
});

const condition = object("A further condition.", {
  key: required(string("The attribute, such as `request.headers[x-team]`.")),
  values: required(strings("Values, of which one must hold; empty: any.")),
  notValues: required(strings("Values, of which none may hold.")),
});

const rule = object("Sources, operations and conditions that all hold; an empty list restricts nothing.", {
  from: required(list("Alternatives.", source)),
  to: required(list("Alternatives.", operation)),
  when: required(list("Conditions that all hold.", condition)),
});

const policy = object("One AuthorizationPolicy that applies here.", {
  name: required(string("Its name.")),
  namespace: required(string("Its namespace.")),
  action: required(enumeration("What its rules do.", ["ALLOW", "DENY", "AUDIT", "CUSTOM"])),
  dryRun: enumeration("What it would do: it is only recorded. Its action is then AUDIT.", ["ALLOW", "DENY"]),
  rules: required(list("Alternatives; empty matches nothing.", rule)),
});

const egress = object("What the workload may call.", {
  outboundTrafficPolicy: required(
    enumeration("What happens to calls to hosts that the mesh does not know.", [
      "ALLOW_ANY",
      "REGISTRY_ONLY",
    ]),
  ),
  hosts: strings("Hosts that it may use, `namespace/host`; absent: every exported one."),
});

const jwtRule = object("Whose tokens are taken, where they stand, and what becomes of them.", {
  name: required(string("Where it comes from: `namespace/name` of the RequestAuthentication.")),
  issuer: required(string("The `iss` that its tokens have; empty: any.")),
  audiences: required(strings("Audiences, one of which a token must be for; empty: any.")),
  jwks: required(string("The key set, as JSON; empty: it could not be had, and every token is refused.")),
  fromHeaders: required(
    list(
      "Headers that carry a token.",
      object("A header.", {
        name: required(string("Its name.")),
        prefix: string("What stands before the token."),
      }),
    ),
  ),
  fromParams: required(strings("Query parameters that carry a token.")),
  fromCookies: required(strings("Cookies that carry a token.")),
  outputPayloadToHeader: string("The header that gets the payload, as it stands in the token."),
  outputClaimToHeaders: required(
    list(
      "Headers that get a claim.",
      object("A header.", {
        header: required(string("Its name.")),
        claim: required(string("The claim, a path of names with dots.")),
      }),
    ),
  ),
  forwardOriginalToken: required(boolean("Whether the application gets the token, too.")),
  spaceDelimitedClaims: required(strings("Claims of several values, besides `scope` and `permission`.")),
});

const headerMatch = object("A header of the request; without a value, its presence.", {
  name: required(string("Its name.")),
  exact: string("Its value."),
  prefix: string("What its value begins with."),
});

const rateLimit = object("How many requests are taken.", {
  name: required(string("Where it comes from: `Kind/namespace/name[index]`.")),
  methods: required(strings("Methods it counts; empty: all.")),
  paths: required(strings("Paths it counts, `*` at the end or alone, or templates; empty: all.")),
  headers: required(list("Headers that a request has to have to be counted.", headerMatch)),
  ports: required(list("Container ports it counts requests to; empty: all.", portNumber("A port."))),
  maxTokens: required(integer("Requests that may come at once.", { minimum: 1, maximum: 1_000_000_000 })),
  tokensPerFill: required(
    integer("Requests that may come in each interval.", { minimum: 1, maximum: 1_000_000_000 }),
  ),
  fillIntervalMs: required(integer("The interval.", { minimum: 1, maximum: 86_400_000 })),
  key: required(
    list(
      "What requests have in common that are counted together; empty: all are.",
      object("One attribute.", {
        kind: required(enumeration("Which attribute.", ["header", "path", "principal", "source", "method"])),
        name: string("The header's name."),
      }),
    ),
  ),
  status: required(integer("What is answered beyond.", { minimum: 400, maximum: 599 })),
  enforced: required(boolean("Whether requests beyond are refused, or only counted.")),
  headersInResponse: required(boolean("Whether responses say the limit, in x-ratelimit headers.")),
  grpcResourceExhausted: required(boolean("Whether gRPC clients get RESOURCE_EXHAUSTED, not UNAVAILABLE.")),
});

const bodyLimit = object("How large requests may be.", {
  name: required(string("Where it comes from: `Kind/namespace/name[index]`.")),
  port: portNumber("The container port it is for; absent: all."),
  bytes: required(integer("Most bytes of a request's body.", { minimum: 1, maximum: 1_000_000_000 })),
});

const spec = object("Always empty.", {});
const status = object("What control compiled.", {
  ...header,
  workload: required(
    object(
      "The workload itself.",
      {
        name: required(string("Its name.")),
        namespace: required(string("Its namespace.")),
        kind: required(string("Its kind, such as Deployment or Pod.")),
        labels: required(labels("Its pods' labels.")),
      },
      { atomic: true },
    ),
  ),
  localities: list(
    "Where its pods run, as far as their nodes tell; each proxy knows its node.",
    object("One locality.", {
      locality: required(string("`region/zone/subzone`.")),
      nodes: required(strings("The nodes there that run its pods, sorted.")),
    }),
  ),
  zones: list(
    "How many of its pods are ready in each zone; only where some policy balances by zones.",
    object("One zone.", {
      zone: required(string("`region/zone`.")),
      pods: required(integer("Ready pods there.", { minimum: 1 })),
    }),
  ),
  trustDomain: required(string("The mesh's trust domain.")),
  trustBundle: required(
    string("The authorities that peers' certificates may come from: PEM, one or more anchors."),
  ),
  mtls: required(mtlsMode("Who may connect to ports that are not listed.")),
  ports: required(list("Ports of the application.", inboundPort)),
  authorization: required(list("Policies that apply to it, in order of evaluation.", policy)),
  egress: required(egress),
  telemetry: required(
    object("What is recorded.", {
      accessLog: required(boolean("Whether each request is logged.")),
      accessLogEncoding: enumeration("How: Istio's line of text, the default, or JSON.", ["TEXT", "JSON"]),
    }),
  ),
  jwtRules: required(list("Rules about tokens.", jwtRule)),
  rateLimits: list("Limits of what is taken, each of which holds.", rateLimit),
  bodyLimits: list("Limits of requests' bodies, each of which holds.", bodyLimit),
});

export type JwtRule = Infer<typeof jwtRule>;
export type BodyLimit = Infer<typeof bodyLimit>;
export type RateLimit = Infer<typeof rateLimit>;
export type InboundPort = Infer<typeof inboundPort>;
export type Source = Infer<typeof source>;
export type Operation = Infer<typeof operation>;
export type Condition = Infer<typeof condition>;
export type AuthorizationRule = Infer<typeof rule>;
export type CompiledAuthorizationPolicy = Infer<typeof policy>;
export type Egress = Infer<typeof egress>;
export type MtlsMode = Infer<ReturnType<typeof mtlsMode>>;
export type WorkloadConfigStatus = Infer<typeof status>;
export type WorkloadConfig = ObjectOfKind<typeof spec, typeof status>;

export const workloadConfig = {
  group: "mesh.weft.dev",
  kind: "WorkloadConfig",
  plural: "workloadconfigs",
  singular: "workloadconfig",
  scope: "Namespaced",
  versions: ["v1alpha1"],
  shortNames: ["wlcfg"],
  categories: ["weft"],
  description:
    "What a workload's proxies need to know of themselves, compiled by control; only control writes it, and proxies act on its status.",
  printerColumns: [
    { name: "mTLS", type: "string", jsonPath: ".status.mtls", description: "Who may connect." },
    { name: "Hash", type: "string", jsonPath: ".status.hash", description: "Hash of the content." },
    {
      name: "Revision",
      type: "string",
      jsonPath: ".status.revision",
      description: "Who compiled it.",
      priority: 1,
    },
    ageColumn,
  ],
  spec,
  status,
} as const satisfies Kind;
