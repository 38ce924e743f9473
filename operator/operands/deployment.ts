import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { controlName, labels, ports, settingsName } from "../names.ts";
import { type Inputs, type Operand, operand } from "./operand.ts";

/** Unprivileged and the same as in the image, which has no other user but this and the proxy's. */
const uid = 65532;

/** What the Deployment, the Service and the PodDisruptionBudget select. */
export function controlSelector(revision: string): Record<string, string> {
  return { app: "control", [labels.revision]: revision };
}

/** Deployment `control-REV`: the compiler, the certificate authority and the webhooks of one revision. */
export function deploymentOperand(installation: Installation, inputs: Inputs): Operand {
  const { revision, control } = installation;
  const selector = controlSelector(revision);
  return operand(installation, resources.deployments, {
    name: controlName(revision),
    labels: selector,
    spec: {
      replicas: control.replicas,
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 300,
      selector: { matchLabels: selector },
      // A new replica serves before an old one goes.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: { ...selector, [labels.name]: "control", "sidecar.istio.io/inject": "false" },
          annotations: {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": String(ports.monitoring),
            "prometheus.io/path": "/metrics",
          },
        },
        spec: podSpec(installation, inputs),
      },
    },
  });
}

function podSpec(installation: Installation, inputs: Inputs) {
  const { revision } = installation;
  const selector = { matchLabels: controlSelector(revision) };
  return {
    serviceAccountName: controlName(revision),
    priorityClassName: "system-cluster-critical",
    terminationGracePeriodSeconds: 30,
    nodeSelector: { "kubernetes.io/os": "linux" },
    securityContext: {
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: uid,
      fsGroup: uid,
      seccompProfile: { type: "RuntimeDefault" },
    },
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: selector },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: selector,
      },
    ],
    containers: [container(installation)],
    volumes: [
      { name: "mesh", configMap: { name: settingsName(revision), defaultMode: 0o444 } },
      // Readable by the group alone: the signing key is in it.
      { name: "ca", secret: { secretName: inputs.authoritySecret, defaultMode: 0o440 } },
    ],
  };
}

function container({ revision, namespace, control }: Installation) {
  const probe = (path: string) => ({
    httpGet: { path, port: "monitoring", scheme: "HTTP" },
    timeoutSeconds: 3,
    successThreshold: 1,
    failureThreshold: 3,
  });
  return {
    name: "control",
    image: control.image,
    imagePullPolicy: "IfNotPresent",
    args: ["/weft/control/main.js"],
    env: [
      { name: "WEFT_REVISION", value: revision },
      { name: "WEFT_NAMESPACE", value: namespace },
      { name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
    ],
    ports: [
      { name: "certificates", containerPort: ports.certificates, protocol: "TCP" },
      { name: "webhooks", containerPort: ports.webhooks, protocol: "TCP" },
      { name: "monitoring", containerPort: ports.monitoring, protocol: "TCP" },
    ],
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2 },
    livenessProbe: { ...probe("/healthz"), initialDelaySeconds: 10, periodSeconds: 10 },
    resources: control.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "mesh", mountPath: "/etc/weft/mesh", readOnly: true },
      { name: "ca", mountPath: "/etc/weft/ca", readOnly: true },
    ],
  };
}
