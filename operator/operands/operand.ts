import { createHash } from "node:crypto";
import type { KubeObject, Resource } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { appliedAnnotation, labels } from "../names.ts";

/** One object that the operator wants to be there, and the kind that it is of. */
export interface Operand {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** What an installation's objects depend on besides the MeshInstallation itself. */
export interface Inputs {
  /** The Secret that control signs with. */
  readonly authoritySecret: string;
  /** PEM of every anchor that the webhooks' certificate may lead to. */
  readonly trustBundle: string;
  /** Names of the namespaces that are never injected. */
  readonly operatorNamespace: string;
}

/**
 * An object with its kind, our labels, an owner reference to the installation and the hash of all that. A namespaced
 * dependent may have a cluster-scoped owner.
 */
export function operand(
  installation: Installation,
  resource: Resource,
  object: { readonly name: string; readonly labels?: Readonly<Record<string, string>> } & {
    readonly [field: string]: unknown;
  },
): Operand {
  const { name, labels: own, ...rest } = object;
  const { group, version, kind, namespaced } = resource;
  const full: KubeObject = {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind,
    metadata: {
      name,
      ...(namespaced ? { namespace: installation.namespace } : {}),
      labels: { ...commonLabels(installation), ...own },
      ownerReferences: [
        {
          apiVersion: "mesh.weft.dev/v1alpha1",
          kind: "MeshInstallation",
          name: installation.name,
          uid: installation.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    ...rest,
  };
  return { resource, object: stamped(full) };
}

/** The object with the annotation that holds its own hash. */
export function stamped(object: KubeObject): KubeObject {
  const hash = createHash("sha256").update(JSON.stringify(object)).digest("hex").slice(0, 16);
  const annotations = { ...object.metadata.annotations, [appliedAnnotation]: hash };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

export function commonLabels(installation: Installation): Record<string, string> {
  return {
    [labels.managedBy]: "weft-operator",
    [labels.partOf]: "weft",
    [labels.installation]: installation.name,
    [labels.revision]: installation.revision,
  };
}
