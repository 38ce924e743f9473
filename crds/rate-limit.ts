/** RateLimit: how many requests each of a workload's pods takes. */
import { atMostOneOf } from "./cel.ts";
import { portNumber } from "./compiled/common.ts";
import { status, workloadSelector } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import {
  boolean,
  duration,
  enumeration,
  type Infer,
  integer,
  list,
  object,
  required,
  string,
  strings,
} from "./schema.ts";

const filled = { maxItems: 64, item: { minLength: 1, maxLength: 1024 } } as const;

const match = object("The requests that are counted: all fields hold; in each list, one value does.", {
  methods: strings("Methods, in upper case.", filled),
  paths: strings("Paths: exact, `prefix*`, `*suffix`, or templates of `{*}` and `{**}`.", filled),
  headers: list(
    "Headers, all of which the request has.",
    object(
      "A header; without a value, its presence.",
      {
        name: required(string("Its name.", { minLength: 1, maxLength: 256, pattern: "^[-_A-Za-z0-9]+$" })),
        exact: string("Its whole value."),
        prefix: string("What its value begins with."),
      },
      { rules: [atMostOneOf("exact", "prefix")] },
    ),
    { maxItems: 16 },
  ),
  ports: list("Ports of the container.", portNumber("A port."), { maxItems: 64 }),
});

const most = 1_000_000_000;

const limit = object(
  "How many requests are taken.",
  {
    requests: required(integer("Requests in each interval.", { minimum: 1, maximum: most })),
    unit: enumeration("The interval: one of it; SECOND when neither this nor `per` is there.", [
      "SECOND",
      "MINUTE",
      "HOUR",
      "DAY",
    ]),
    per: duration("The interval, up to 24h.", {}),
    burst: integer("Requests that may come at once; as many as `requests` when absent.", {
      minimum: 1,
      maximum: most,
    }),
  },
  {
    rules: [
      atMostOneOf("unit", "per"),
      { rule: "!has(self.per) || duration(self.per) <= duration('24h')", message: "per is at most 24h" },
    ],
  },
);

const key = object(
  "What requests have in common that are counted together.",
  {
    attribute: required(
      enumeration("Which attribute: PRINCIPAL is the peer's identity, SOURCE its address.", [
        "HEADER",
        "PATH",
        "METHOD",
        "PRINCIPAL",
        "SOURCE",
      ]),
    ),
    header: string("The header's name.", { minLength: 1, maxLength: 256, pattern: "^[-_A-Za-z0-9]+$" }),
  },
  {
    rules: [
      {
        rule: "has(self.header) == (self.attribute == 'HEADER')",
        message: "header is for attribute HEADER, which needs it",
      },
    ],
  },
);

const rule = object("One limit.", {
  match,
  limit: required(limit),
  key: list("Counted apart for each value of these; absent: together.", key, { maxItems: 4 }),
  dryRun: boolean("Only count what is beyond the limit."),
  responseHeaders: boolean("Tell clients the limit, in x-ratelimit headers."),
});

const spec = object("How many requests each pod takes; every rule that counts a request has to have room.", {
  selector: workloadSelector(
    "The workloads it is for; absent: all of the namespace, or of the mesh in the root namespace.",
  ),
  rules: required(list("The limits.", rule, { minItems: 1, maxItems: 32 })),
});

export type RateLimitSpec = Infer<typeof spec>;
export type RateLimitRule = Infer<typeof rule>;
export type RateLimit = ObjectOfKind<typeof spec, typeof status>;

export const rateLimit = {
  group: "mesh.weft.dev",
  kind: "RateLimit",
  plural: "ratelimits",
  singular: "ratelimit",
  scope: "Namespaced",
  versions: ["v1alpha1"],
  shortNames: ["rl"],
  categories: ["weft"],
  description:
    "Says how many requests each pod of a workload takes: beyond, clients get 429. Pods count by themselves, so that limits hold without a service that they ask.",
  printerColumns: [ageColumn],
  spec,
  status,
} as const satisfies Kind;
