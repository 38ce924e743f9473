import { type KubeObject, resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { fieldManager, labels } from "../names.ts";

/**
 * The control plane's namespace, created when it is missing and never changed or deleted after: users keep mesh-wide
 * configuration in it, and it may have been there before.
 */
export function namespaceOperand(installation: Installation): KubeObject {
  return {
    apiVersion: "v1",
    kind: resources.namespaces.kind,
    metadata: {
      name: installation.namespace,
      labels: { [labels.managedBy]: fieldManager, [labels.partOf]: "weft" },
    },
  };
}
