/** PeerAuthentication: who may connect to workloads, by mutual TLS or plaintext. */
import { security, workloadSelector } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { enumeration, type Infer, map, object } from "./schema.ts";

const mutualTls = (description: string) =>
  object(description, {
    mode: enumeration(
      "UNSET inherits from the namespace or the mesh; DISABLE is plaintext only; PERMISSIVE takes both; STRICT refuses plaintext.",
      ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"],
    ),
  });

const spec = object(
  "Which connections are taken.",
  {
    selector: workloadSelector(
      "The workloads it is for; absent: all of the namespace, or of the mesh in the root namespace.",
    ),
    mtls: mutualTls("Mutual TLS on every port; absent: inherited."),
    portLevelMtls: map(
      "Mutual TLS by port of the container (not of the service); a port that is not here follows `mtls`.",
      mutualTls("Mutual TLS on this port."),
      {
        minProperties: 1,
        maxProperties: 65535,
        rules: [
          {
            rule: "self.all(key, 0 < int(key) && int(key) <= 65535)",
            message: "each key must be a port number from 1 to 65535",
          },
        ],
      },
    ),
  },
  {
    rules: [
      {
        rule: "(has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || !has(self.portLevelMtls)",
        message:
          "portLevelMtls needs a selector with at least one label: ports differ from workload to workload",
      },
    ],
  },
);

export type PeerAuthenticationSpec = Infer<typeof spec>;
export type MutualTls = Infer<ReturnType<typeof mutualTls>>;
export type WorkloadSelector = NonNullable<PeerAuthenticationSpec["selector"]>;
export type PeerAuthentication = ObjectOfKind<typeof spec, typeof security.status>;

export const peerAuthentication = {
  ...security,
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  singular: "peerauthentication",
  shortNames: ["pa"],
  description: "Says whether workloads take mutual TLS, plaintext or both.",
  printerColumns: [
    { name: "Mode", type: "string", jsonPath: ".spec.mtls.mode", description: "The mode for every port." },
    ageColumn,
  ],
  spec,
} as const satisfies Kind;
