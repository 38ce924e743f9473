/** ServiceEntry: hosts that are no Kubernetes services, where they are, and what is spoken there. */
import { atMostOneOf } from "./cel.ts";
import { networking, statusWith } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import {
  enumeration,
  type Infer,
  integer,
  labels,
  list,
  map,
  object,
  required,
  string,
  strings,
  unsigned,
} from "./schema.ts";

const range = { minimum: 1, maximum: 65_535 } as const;

const servicePort = object("One port of the hosts.", {
  number: required(integer("The port that clients call.", range)),
  protocol: string("What is spoken there; absent: it is found out by the first bytes.", { maxLength: 256 }),
  name: required(string("The port's name.", { maxLength: 256 })),
  targetPort: integer("The port at the endpoints; absent: the same.", range),
});

/** As in a WorkloadEntry. */
const workloadEntry = object(
  "One address behind the hosts.",
  {
    address: string("An IP address, a DNS name, or a Unix socket (`unix:///path`, `unix://@name`).", {
      maxLength: 256,
      rules: [
        {
          rule: "!self.startsWith('unix://') || self.startsWith('unix:///') || self.startsWith('unix://@')",
          message: "a Unix socket is an absolute path, or abstract: unix:///path or unix://@name",
        },
        {
          rule: "!self.startsWith('unix://') || !self.endsWith('/')",
          message: "a Unix socket is not a folder",
        },
      ],
    }),
    ports: map("Ports at this address, by the name of the hosts' port.", integer("A port.", range), {
      maxProperties: 128,
      rules: [
        {
          rule: "self.all(name, name.size() < 64 && name.matches('^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$'))",
          message: "a port's name is a DNS label of at most 63 characters",
        },
      ],
    }),
    labels: labels("Its labels, by which subsets choose.", { maxProperties: 256 }),
    network: string("The network that it is in.", { maxLength: 2048 }),
    locality: string("Where it is: `region/zone/subzone`.", { maxLength: 2048 }),
    weight: unsigned("Its share among the others; 1 when absent."),
    serviceAccount: string("The service account that it runs as.", { maxLength: 253 }),
  },
  {
    rules: [
      { rule: "has(self.address) || has(self.network)", message: "set address, or network" },
      {
        rule: "!(has(self.address) && self.address.startsWith('unix://') && has(self.ports))",
        message: "a Unix socket has no ports",
      },
    ],
  },
);

const selector = object("Pods, and WorkloadEntries, of this namespace that are behind the hosts.", {
  labels: labels("Labels that they have, all of them.", {
    maxProperties: 256,
    value: {
      maxLength: 63,
      rules: [
        {
          rule: "!self.contains('*')",
          message: "a label's value is compared as it is: wildcards are not supported",
        },
      ],
    },
  }),
});

const spec = object(
  "Which hosts, and where they are.",
  {
    hosts: required(
      strings("Names that clients call: DNS names, with `*.` for any first label.", {
        minItems: 1,
        maxItems: 256,
        item: {
          maxLength: 255,
          rules: [{ rule: "self != '*'", message: "name the host: `*` alone is every one" }],
        },
      }),
    ),
    addresses: strings("Addresses, or CIDRs, that clients dial: what a TCP connection is known by.", {
      maxItems: 256,
      item: { maxLength: 64 },
    }),
    ports: list("The hosts' ports.", servicePort, {
      maxItems: 256,
      listType: { keys: ["name"] },
      rules: [
        {
          rule: "self.all(one, self.exists_one(other, one.number == other.number))",
          message: "each port has a number of its own",
        },
      ],
    }),
    location: enumeration(
      "Whether the hosts are outside the mesh, which is what absent means, or a part of it.",
      ["MESH_EXTERNAL", "MESH_INTERNAL"],
    ),
    resolution: enumeration(
      "Where calls go: to the address that was dialled (NONE, which is what absent means), to `endpoints` (STATIC), to what names resolve to (DNS), or to one such address at a time (DNS_ROUND_ROBIN).",
      ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"],
    ),
    endpoints: list("Addresses behind the hosts.", workloadEntry, { maxItems: 4096 }),
    workloadSelector: selector,
    exportTo: strings(
      "Namespaces whose clients see this: `.` is this one, `*` all, which is what absent means, `~` none.",
    ),
    subjectAltNames: strings("Names, one of which the servers' certificates have."),
  },
  {
    rules: [
      atMostOneOf("workloadSelector", "endpoints"),
      {
        rule: "!has(self.addresses) || !self.addresses.exists(one, one.contains('/')) || !has(self.resolution) || self.resolution in ['NONE', 'STATIC']",
        message: "addresses may be CIDRs when resolution is NONE or STATIC",
      },
      {
        rule: "!has(self.endpoints) || (has(self.resolution) && self.resolution != 'NONE')",
        message: "endpoints are for a resolution other than NONE",
      },
      {
        rule: "!has(self.endpoints) || !has(self.resolution) || self.resolution != 'DNS_ROUND_ROBIN' || self.endpoints.size() <= 1",
        message: "with DNS_ROUND_ROBIN there is at most one endpoint",
      },
    ],
  },
);

const status = statusWith({
  addresses: list(
    "Addresses given to the hosts.",
    object("One address.", { value: string("The address."), host: string("The host that has it.") }),
  ),
});

export type ServiceEntrySpec = Infer<typeof spec>;
export type ServiceEntryPort = Infer<typeof servicePort>;
export type WorkloadEntrySpec = Infer<typeof workloadEntry>;
export type ServiceEntry = ObjectOfKind<typeof spec, typeof status>;

export const serviceEntry = {
  ...networking,
  kind: "ServiceEntry",
  plural: "serviceentries",
  singular: "serviceentry",
  shortNames: ["se"],
  description: "Makes hosts known to the mesh that are no Kubernetes services.",
  printerColumns: [
    { name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "The hosts." },
    {
      name: "Location",
      type: "string",
      jsonPath: ".spec.location",
      description: "Whether they are outside the mesh.",
    },
    { name: "Resolution", type: "string", jsonPath: ".spec.resolution", description: "Where calls go." },
    ageColumn,
  ],
  spec,
  specRequired: true,
  status,
} as const satisfies Kind;
