import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { controlName, injectorName, validatorName } from "../names.ts";
import { type Inputs, type Operand, operand } from "./operand.ts";

const injectLabel = "sidecar.istio.io/inject";
const injectionLabel = "istio-injection";
const revisionLabel = "istio.io/rev";
const timeoutSeconds = 5;

interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}
const isIn = (key: string, value: string): Requirement => ({ key, operator: "In", values: [value] });
const isNotIn = (key: string, ...values: string[]): Requirement => ({ key, operator: "NotIn", values });
const isAbsent = (key: string): Requirement => ({ key, operator: "DoesNotExist" });

/** Evaluated in the API server: pods that can never be injected cost no call (KEP-3716). */
const injectable = [
  {
    name: "not-on-the-hosts-network",
    expression: "!has(object.spec.hostNetwork) || !object.spec.hostNetwork",
  },
  {
    name: "not-a-mirror-of-a-static-pod",
    expression:
      "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)",
  },
];

/**
 * MutatingWebhookConfiguration of one revision, with Istio's entries: a namespace's label decides for its pods, a
 * pod's label where the namespace has none. No two entries match one pod.
 */
export function injectorOperand(installation: Installation, inputs: Inputs): Operand {
  const { revision, namespace, injection } = installation;
  // Neither what the cluster stands on nor the control plane may wait for a webhook that they make possible.
  const excluded = isNotIn(
    "kubernetes.io/metadata.name",
    "kube-system",
    "kube-node-lease",
    inputs.operatorNamespace,
    namespace,
  );
  const entry = (
    name: string,
    namespaceLabels: readonly Requirement[],
    podLabels: readonly Requirement[],
  ) => ({
    name: `${name}.sidecar-injector.istio.io`,
    clientConfig: clientConfig(installation, inputs, "/inject"),
    rules: [
      {
        operations: ["CREATE"],
        apiGroups: [""],
        apiVersions: ["v1"],
        resources: ["pods"],
        scope: "Namespaced",
      },
    ],
    namespaceSelector: { matchExpressions: [...namespaceLabels, excluded] },
    objectSelector: { matchExpressions: podLabels },
    matchConditions: injectable,
    matchPolicy: "Equivalent",
    failurePolicy: injection.failurePolicy,
    // A webhook that adds containers after this one is followed by another look; the injector changes nothing twice.
    reinvocationPolicy: "IfNeeded",
    sideEffects: "None",
    timeoutSeconds,
    admissionReviewVersions: ["v1"],
  });
  const unlabelled = [isAbsent(injectionLabel), isAbsent(revisionLabel)];
  const notRefused = isNotIn(injectLabel, "false");
  return operand(installation, resources.mutatingWebhookConfigurations, {
    name: injectorName(revision),
    webhooks: [
      entry("rev.namespace", [isIn(revisionLabel, revision), isAbsent(injectionLabel)], [notRefused]),
      entry("rev.object", unlabelled, [notRefused, isIn(revisionLabel, revision)]),
      ...(revision === "default"
        ? [
            entry("namespace", [isIn(injectionLabel, "enabled")], [notRefused]),
            entry("object", unlabelled, [isIn(injectLabel, "true"), isAbsent(revisionLabel)]),
          ]
        : []),
    ],
  });
}

/** The groups whose resources are checked when they are written. Nothing that the operator or control writes is. */
export const validatedGroups = ["networking.istio.io", "security.istio.io"] as const;

/** Name of the entry that sees objects with the revision's label; the default revision has one for those without. */
export const validatorEntry = {
  labelled: "rev.validation.istio.io",
  unlabelled: "validation.istio.io",
} as const;

/**
 * ValidatingWebhookConfiguration of one revision: objects labelled with the revision, and for the default revision
 * those without a label. With failurePolicy Fail a control plane that is away stops writes of mesh resources and
 * nothing else: pods, Secrets, Deployments and the mesh's own kinds are not among the rules, so it can always heal.
 */
export function validatorOperand(installation: Installation, inputs: Inputs): Operand {
  const { revision, namespace, validation } = installation;
  const entry = (name: string, requirement: Requirement) => ({
    name,
    clientConfig: clientConfig(installation, inputs, "/validate"),
    rules: [
      {
        operations: ["CREATE", "UPDATE"],
        apiGroups: [...validatedGroups],
        apiVersions: ["*"],
        // No subresources: status is not the users' to get wrong.
        resources: ["*"],
        scope: "Namespaced",
      },
    ],
    objectSelector: { matchExpressions: [requirement] },
    matchConditions: [
      // An object that is going may drop its finalizers, whatever it says.
      {
        name: "not-being-deleted",
        expression: "request.operation != 'UPDATE' || !has(object.metadata.deletionTimestamp)",
      },
    ],
    matchPolicy: "Equivalent",
    failurePolicy: validation.failurePolicy,
    sideEffects: "None",
    timeoutSeconds,
    admissionReviewVersions: ["v1"],
  });
  return operand(installation, resources.validatingWebhookConfigurations, {
    name: validatorName(revision, namespace),
    webhooks: [
      entry(validatorEntry.labelled, isIn(revisionLabel, revision)),
      ...(revision === "default" ? [entry(validatorEntry.unlabelled, isAbsent(revisionLabel))] : []),
    ],
  });
}

function clientConfig({ revision, namespace }: Installation, inputs: Inputs, path: string) {
  return {
    service: { name: controlName(revision), namespace, path, port: 443 },
    caBundle: Buffer.from(inputs.trustBundle).toString("base64"),
  };
}
