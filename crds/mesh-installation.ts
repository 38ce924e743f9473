/** MeshInstallation: what users write to have a mesh; the operator makes a revisioned control plane of it. */
import { immutable } from "./cel.ts";
import { conditions } from "./conditions.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { boolean, enumeration, type Infer, integer, integerOrString, map, object, string } from "./schema.ts";

const dnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const dnsName = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

const resources = (whose: string, standard: Readonly<Record<string, unknown>>) =>
  object(
    `CPU and memory of ${whose}.`,
    {
      requests: map(
        "What is reserved for it, by resource.",
        integerOrString("A quantity, such as 100m or 64Mi."),
      ),
      limits: map("What it may use at most, by resource.", integerOrString("A quantity, such as 128Mi.")),
    },
    { default: standard },
  );

const image = (whose: string) =>
  string(`Image of ${whose}; absent: the one that belongs to the version.`, { minLength: 1 });

const updateStrategy = object(
  "How a new version takes over.",
  {
    type: enumeration(
      "InPlace replaces the control plane; RevisionBased runs the new one beside it until workloads have moved.",
      ["InPlace", "RevisionBased"],
      { default: "InPlace" },
    ),
  },
  { default: {} },
);

const control = object(
  "The control plane's processes.",
  {
    image: image("the control plane"),
    replicas: integer("How many run.", { minimum: 1, maximum: 10, default: 2 }),
    resources: resources("each replica", {
      requests: { cpu: "50m", memory: "128Mi" },
      limits: { memory: "512Mi" },
    }),
  },
  { default: {} },
);

const proxy = object(
  "The sidecars; annotations on a pod come first.",
  {
    image: image("the sidecar"),
    resources: resources("each sidecar", {
      requests: { cpu: "10m", memory: "64Mi" },
      limits: { memory: "128Mi" },
    }),
    logLevel: enumeration("What the sidecars log.", ["debug", "info", "warning", "error"], {
      default: "warning",
    }),
    concurrency: integer("Worker threads of a sidecar; 0: as many as it has cores.", {
      minimum: 0,
      maximum: 64,
      default: 1,
    }),
  },
  { default: {} },
);

const injection = object(
  "How sidecars come into pods.",
  {
    failurePolicy: enumeration(
      "What happens to new pods while the control plane is away: Ignore starts them without a sidecar, Fail refuses them.",
      ["Ignore", "Fail"],
      { default: "Ignore" },
    ),
    nativeSidecar: enumeration(
      'Whether the sidecar is an init container that keeps running (Kubernetes 1.29 and later): "auto" decides by the cluster. A text, in quotes.',
      ["auto", "true", "false"],
      { default: "auto" },
    ),
  },
  { default: {} },
);

const validation = object(
  "How mesh resources are checked when they are written.",
  {
    failurePolicy: enumeration(
      "What happens to writes while the control plane is away: Fail refuses them, Ignore takes them unchecked.",
      ["Ignore", "Fail"],
      { default: "Fail" },
    ),
  },
  { default: {} },
);

const mtls = object(
  "Mutual TLS where no PeerAuthentication says otherwise.",
  {
    mode: enumeration(
      "PERMISSIVE takes plaintext too, STRICT refuses it, DISABLE turns it off.",
      ["PERMISSIVE", "STRICT", "DISABLE"],
      { default: "PERMISSIVE" },
    ),
  },
  { default: {} },
);

const spec = object("The mesh that is wanted; every field has a default, so `{}` is a mesh.", {
  version: string("Version of the control plane; absent: the operator's own.", {
    pattern: "^v?[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$",
    maxLength: 64,
  }),
  revision: string("Name of this control plane; namespaces labelled `istio.io/rev=REVISION` use it.", {
    pattern: dnsLabel,
    maxLength: 40,
    default: "default",
  }),
  namespace: string("Namespace of the control plane, and of configuration that applies to the whole mesh.", {
    pattern: dnsLabel,
    maxLength: 63,
    default: "istio-system",
    rules: [
      immutable("moving the control plane would cut off every sidecar; delete and install anew instead"),
      {
        rule: "self != 'weft-system'",
        message: "weft-system is the operator's own namespace; choose another, such as istio-system",
      },
    ],
  }),
  updateStrategy,
  paused: boolean("Leave everything as it is, whatever this object says.", { default: false }),
  trustDomain: string("First part of every identity, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.", {
    pattern: dnsName,
    maxLength: 253,
    default: "cluster.local",
  }),
  control,
  proxy,
  injection,
  validation,
  mtls,
  outboundTrafficPolicy: enumeration(
    "Calls to hosts that the mesh does not know: ALLOW_ANY passes them through, REGISTRY_ONLY refuses them.",
    ["ALLOW_ANY", "REGISTRY_ONLY"],
    { default: "ALLOW_ANY" },
  ),
  localKeyAddresses: boolean(
    "Whether keys of RequestAuthentications may be fetched from loopback and link-local addresses, where clouds keep credentials.",
    { default: false },
  ),
  accessLog: boolean("Whether sidecars log every request.", { default: false }),
  accessLogEncoding: enumeration(
    "How: TEXT, Istio's default line, or JSON, an object for each request under the names of Istio's JSON log.",
    ["TEXT", "JSON"],
    { default: "TEXT" },
  ),
});

const status = object("What the operator made of it.", {
  observedGeneration: integer("The generation that the operator last worked on.", { minimum: 0 }),
  conditions,
  state: string("The conditions in a word, for people: programs read the conditions."),
  version: string("Version of the control plane that is active."),
  activeRevision: string("The revision that new pods get."),
  caExpiry: string("When the mesh's intermediate certificate ends.", { format: "date-time" }),
  trustDomain: string("The trust domain in use."),
});

export type MeshInstallationSpec = Infer<typeof spec>;
export type MeshInstallationStatus = Infer<typeof status>;
export type MeshInstallation = ObjectOfKind<typeof spec, typeof status>;
export type Condition = Infer<typeof conditions>[number];

export const meshInstallation = {
  group: "mesh.weft.dev",
  kind: "MeshInstallation",
  plural: "meshinstallations",
  singular: "meshinstallation",
  scope: "Cluster",
  versions: ["v1alpha1"],
  shortNames: ["mesh"],
  categories: ["weft"],
  description:
    "A mesh in this cluster: the operator installs, upgrades and repairs the control plane that it describes.",
  printerColumns: [
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Whether the control plane serves.",
    },
    {
      name: "Revision",
      type: "string",
      jsonPath: ".status.activeRevision",
      description: "The revision that new pods get.",
    },
    { name: "State", type: "string", jsonPath: ".status.state", description: "The conditions in a word." },
    { name: "Version", type: "string", jsonPath: ".status.version", description: "The active version." },
    ageColumn,
  ],
  spec,
  specDefault: {},
  status,
} as const satisfies Kind;
