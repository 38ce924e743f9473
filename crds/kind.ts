/** What a kind is: its names, versions and schemas, and the CustomResourceDefinition they make. */
import type { OpenApiSchema } from "./openapi.ts";
import type { Infer, Schema } from "./schema.ts";

/** The part of Kubernetes' ObjectMeta that the mesh reads or writes. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  creationTimestamp?: string;
  deletionTimestamp?: string;
  managedFields?: unknown[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** An object of a kind with these schemas, as the API serves it. */
export type ObjectOfKind<Spec extends Schema<unknown>, Status extends Schema<unknown>> = {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  readonly spec?: Infer<Spec>;
  readonly status?: Infer<Status>;
};

/** A column of `kubectl get`; `priority` above 0 shows it with `-o wide` only. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean";
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: number;
}

export const ageColumn: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "When the object was made.",
};

/** A kind of the API; its schema is the same in every served version, so that no conversion is needed. */
export interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly scope: "Namespaced" | "Cluster";
  /** Served versions, the stored one first. */
  readonly versions: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly description: string;
  readonly printerColumns: readonly PrinterColumn[];
  readonly spec: Schema<unknown>;
  readonly status: Schema<unknown>;
  /** An object without a spec is refused. */
  readonly specRequired?: true;
  /** The spec of an object that comes without one; absent: it stays without. */
  readonly specDefault?: Readonly<Record<string, unknown>>;
}

/** The least of a CustomResourceDefinition that its users touch. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly group: string;
    readonly names: Readonly<Record<string, unknown>>;
    readonly scope: "Namespaced" | "Cluster";
    readonly conversion: { readonly strategy: "None" };
    readonly versions: readonly CustomResourceDefinitionVersion[];
  };
  readonly [field: string]: unknown;
}

export interface CustomResourceDefinitionVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly schema: { readonly openAPIV3Schema: OpenApiSchema };
  readonly subresources: { readonly status: Readonly<Record<string, never>> };
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
}

/** `plural.group`, the name of the kind's CustomResourceDefinition. */
export function definitionName(kind: Pick<Kind, "group" | "plural">): string {
  return `${kind.plural}.${kind.group}`;
}

/** The CustomResourceDefinition of a kind; Helm and the operator keep it when they are removed. */
export function customResourceDefinition(kind: Kind): CustomResourceDefinition {
  const schema = rootSchema(kind);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: definitionName(kind),
      labels: { "app.kubernetes.io/part-of": "weft", "app.kubernetes.io/managed-by": "weft-operator" },
      annotations: { "helm.sh/resource-policy": "keep" },
    },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        ...(kind.shortNames ? { shortNames: kind.shortNames } : {}),
        ...(kind.categories ? { categories: kind.categories } : {}),
      },
      scope: kind.scope,
      conversion: { strategy: "None" },
      versions: kind.versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
        ...(kind.printerColumns.length > 0 ? { additionalPrinterColumns: kind.printerColumns } : {}),
      })),
    },
  };
}

function rootSchema(kind: Kind): OpenApiSchema {
  return {
    type: "object",
    description: kind.description,
    properties: {
      apiVersion: { type: "string", description: "Group and version of the kind." },
      kind: { type: "string", description: "The kind's name." },
      metadata: { type: "object" },
      spec: kind.specDefault ? { ...kind.spec.openapi, default: kind.specDefault } : kind.spec.openapi,
      status: kind.status.openapi,
    },
    ...(kind.specRequired ? { required: ["spec"] } : {}),
  };
}
