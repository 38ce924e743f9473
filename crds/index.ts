/** Every kind of the API, and the CustomResourceDefinitions they make. */
import { authorizationPolicy } from "./authorization-policy.ts";
import { destinationRule } from "./destination-rule.ts";
import { envoyFilter } from "./envoy-filter.ts";
import { type CustomResourceDefinition, customResourceDefinition, type Kind } from "./kind.ts";
import { meshInstallation } from "./mesh-installation.ts";
import { peerAuthentication } from "./peer-authentication.ts";
import { rateLimit } from "./rate-limit.ts";
import { requestAuthentication } from "./request-authentication.ts";
import { serviceConfig } from "./service-config.ts";
import { serviceEntry } from "./service-entry.ts";
import { virtualService } from "./virtual-service.ts";
import { workloadConfig } from "./workload-config.ts";

export type * from "./kind.ts";
export { definitionName } from "./kind.ts";

/** Kinds of `mesh.weft.dev`: ours to install and to upgrade. */
export const meshKinds: readonly Kind[] = [meshInstallation, rateLimit, serviceConfig, workloadConfig];

/** Kinds of Istio's API: installed when the cluster has none of that name, and left alone when it has. */
export const istioKinds: readonly Kind[] = [
  virtualService,
  destinationRule,
  serviceEntry,
  peerAuthentication,
  authorizationPolicy,
  requestAuthentication,
  envoyFilter,
];

/** What users of a namespace write, apart from the installation itself. */
export const userKinds: readonly Kind[] = [...istioKinds, rateLimit];

export const allKinds: readonly Kind[] = [...meshKinds, ...istioKinds];

/** The CustomResourceDefinitions of the given kinds, all of them by default. */
export function customResourceDefinitions(kinds: readonly Kind[] = allKinds): CustomResourceDefinition[] {
  return kinds.map(customResourceDefinition);
}
