/**
 * EnvoyFilter: patches of Envoy's configuration. There is no Envoy here, so the patches are kept as they are written; those that
 * say something this data plane can do are honoured (docs/semantics.md), and admission names those that are not.
 */
import { networking, targetReference } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { enumeration, type Infer, integer, labels, list, object, preserved } from "./schema.ts";

const patch = preserved("What is put in.", {
  operation: enumeration("How.", [
    "INVALID",
    "MERGE",
    "ADD",
    "REMOVE",
    "INSERT_BEFORE",
    "INSERT_AFTER",
    "INSERT_FIRST",
    "REPLACE",
    "MERGE_AND_REPLACE_LIST",
  ]),
  value: preserved("Envoy's own configuration.", {}),
  filterClass: enumeration("Where filters go by default.", ["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"]),
});

const configPatch = object("One patch.", {
  applyTo: enumeration("What is patched.", [
    "INVALID",
    "LISTENER",
    "FILTER_CHAIN",
    "NETWORK_FILTER",
    "HTTP_FILTER",
    "ROUTE_CONFIGURATION",
    "VIRTUAL_HOST",
    "HTTP_ROUTE",
    "CLUSTER",
    "EXTENSION_CONFIG",
    "BOOTSTRAP",
    "LISTENER_FILTER",
  ]),
  match: preserved("Where it is patched.", {
    context: enumeration("On which side of which proxies.", [
      "ANY",
      "SIDECAR_INBOUND",
      "SIDECAR_OUTBOUND",
      "GATEWAY",
      "WAYPOINT",
    ]),
  }),
  patch,
});

const spec = object(
  "Patches of Envoy's configuration.",
  {
    workloadSelector: object(
      "The workloads it is for; absent: all of the namespace, or of the mesh in the root namespace.",
      {
        labels: labels("Labels that the pods have, all of them.", {
          maxProperties: 256,
          value: { maxLength: 63 },
        }),
      },
    ),
    targetRefs: list("The gateways or services it is for.", targetReference("One target."), { maxItems: 16 }),
    configPatches: list("The patches, in order.", configPatch),
    priority: integer("Lower ones go first; 0 when absent."),
  },
  {
    rules: [
      {
        rule: "!(has(self.workloadSelector) && has(self.targetRefs))",
        message: "set at most one of workloadSelector and targetRefs",
      },
    ],
  },
);

export type EnvoyFilterSpec = Infer<typeof spec>;
export type ConfigPatch = Infer<typeof configPatch>;
export type EnvoyFilter = ObjectOfKind<typeof spec, typeof networking.status>;

export const envoyFilter = {
  ...networking,
  versions: ["v1alpha3"],
  kind: "EnvoyFilter",
  plural: "envoyfilters",
  singular: "envoyfilter",
  description:
    "Patches Envoy's configuration; of these patches, local rate limits and limits of bodies are honoured.",
  printerColumns: [ageColumn],
  spec,
} as const satisfies Kind;
