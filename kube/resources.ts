import type { Resource } from "./types.ts";

const of = (group: string, version: string, plural: string, kind: string, namespaced = true): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

export const pods = of("", "v1", "pods", "Pod");
export const services = of("", "v1", "services", "Service");
export const namespaces = of("", "v1", "namespaces", "Namespace", false);
export const nodes = of("", "v1", "nodes", "Node", false);
export const secrets = of("", "v1", "secrets", "Secret");
export const configMaps = of("", "v1", "configmaps", "ConfigMap");
export const serviceAccounts = of("", "v1", "serviceaccounts", "ServiceAccount");
export const endpointSlices = of("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");

export const deployments = of("apps", "v1", "deployments", "Deployment");
export const replicaSets = of("apps", "v1", "replicasets", "ReplicaSet");
export const statefulSets = of("apps", "v1", "statefulsets", "StatefulSet");
export const daemonSets = of("apps", "v1", "daemonsets", "DaemonSet");
export const jobs = of("batch", "v1", "jobs", "Job");
export const cronJobs = of("batch", "v1", "cronjobs", "CronJob");
export const podDisruptionBudgets = of("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget");
export const horizontalPodAutoscalers = of(
  "autoscaling",
  "v2",
  "horizontalpodautoscalers",
  "HorizontalPodAutoscaler",
);
export const networkPolicies = of("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy");

export const roles = of("rbac.authorization.k8s.io", "v1", "roles", "Role");
export const roleBindings = of("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
export const clusterRoles = of("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
export const clusterRoleBindings = of(
  "rbac.authorization.k8s.io",
  "v1",
  "clusterrolebindings",
  "ClusterRoleBinding",
  false,
);

export const customResourceDefinitions = of(
  "apiextensions.k8s.io",
  "v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
  false,
);
export const mutatingWebhookConfigurations = of(
  "admissionregistration.k8s.io",
  "v1",
  "mutatingwebhookconfigurations",
  "MutatingWebhookConfiguration",
  false,
);
export const validatingWebhookConfigurations = of(
  "admissionregistration.k8s.io",
  "v1",
  "validatingwebhookconfigurations",
  "ValidatingWebhookConfiguration",
  false,
);
export const priorityClasses = of("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false);
export const leases = of("coordination.k8s.io", "v1", "leases", "Lease");
export const events = of("events.k8s.io", "v1", "events", "Event");
export const tokenReviews = of("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false);
export const subjectAccessReviews = of(
  "authorization.k8s.io",
  "v1",
  "subjectaccessreviews",
  "SubjectAccessReview",
  false,
);
