import { describe, expect, it } from "vitest";
import { inputs, makeInstallation } from "../installation.fixture.ts";
import { ownedKinds } from "../watches.ts";
import { desired } from "./desired.ts";

const all = (installation = makeInstallation(), with_ = inputs) => {
  const { controlPlane, webhooks } = desired(installation, with_);
  return [...controlPlane, ...webhooks];
};
const find = (kind: string, installation = makeInstallation()) => {
  const found = all(installation).find(({ resource }) => resource.kind === kind)?.object;
  if (found === undefined) throw new Error(kind);
  return found;
};

interface PodSpec {
  containers: Record<string, unknown>[];
  [field: string]: unknown;
}
const podSpec = (installation = makeInstallation()) =>
  (find("Deployment", installation).spec as { template: { spec: PodSpec } }).template.spec;

describe("what an installation is made of", () => {
  it("is the same, byte for byte, for the same inputs", () => {
    expect(JSON.stringify(all())).toBe(JSON.stringify(all()));
  });

  it("is of watched kinds alone, and of every watched kind", () => {
    const kinds = (resources: readonly { kind: string }[]) =>
      [...new Set(resources.map(({ kind }) => kind))].sort();
    expect(kinds(all().map(({ resource }) => resource))).toEqual(kinds(ownedKinds));
  });

  it("carries our labels, its owner and a hash", () => {
    for (const { object } of all()) {
      expect(object.metadata.labels).toMatchObject({
        "app.kubernetes.io/managed-by": "weft-operator",
        "mesh.weft.dev/installation": "default",
        "mesh.weft.dev/revision": "default",
      });
      expect(object.metadata.ownerReferences).toEqual([
        {
          apiVersion: "mesh.weft.dev/v1alpha1",
          kind: "MeshInstallation",
          name: "default",
          uid: "uid-1",
          controller: true,
          blockOwnerDeletion: true,
        },
      ]);
      expect(object.metadata.annotations?.["mesh.weft.dev/applied"]).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  it("has another hash where the wish is another, and nowhere else", () => {
    const hash = (installation: ReturnType<typeof makeInstallation>) =>
      Object.fromEntries(
        all(installation).map(({ object }) => [
          `${object.kind}/${object.metadata.name}`,
          object.metadata.annotations?.["mesh.weft.dev/applied"],
        ]),
      );
    const before = hash(makeInstallation());
    const after = hash(makeInstallation({ accessLog: true }));
    const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(changed).toEqual(["ConfigMap/weft-mesh-default"]);
  });

  it("shares no name with another revision's", () => {
    const names = (revision: string) =>
      all(makeInstallation({ revision }, { name: revision })).map(
        ({ object }) => `${object.kind}/${object.metadata.namespace ?? ""}/${object.metadata.name}`,
      );
    const [one, two] = [names("default"), names("canary")];
    expect(one.filter((name) => two.includes(name))).toEqual([]);
  });
});

describe("the Deployment of control", () => {
  it("passes the restricted Pod Security Standard", () => {
    const spec = podSpec();
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const container of spec.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ["ALL"] },
      });
    }
    expect(spec).not.toHaveProperty("hostNetwork");
  });

  it("has two replicas apart from one another, critical to the cluster, never injected", () => {
    const deployment = find("Deployment");
    expect(deployment.spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: { "sidecar.istio.io/inject": "false", app: "control" } } },
    });
    expect(podSpec()).toMatchObject({
      priorityClassName: "system-cluster-critical",
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { podAffinityTerm: { topologyKey: "kubernetes.io/hostname" } },
          ],
        },
      },
    });
  });

  it("gets what the contract with control says: environment, mounts, ports, probes", () => {
    const [container] = podSpec().containers;
    expect(container).toMatchObject({
      image: "control:1",
      args: ["/weft/control/main.js"],
      env: [
        { name: "WEFT_REVISION", value: "default" },
        { name: "WEFT_NAMESPACE", value: "istio-system" },
        { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
      ports: [{ containerPort: 15012 }, { containerPort: 15017 }, { containerPort: 15014 }],
      readinessProbe: { httpGet: { path: "/readyz" } },
      livenessProbe: { httpGet: { path: "/healthz" } },
      volumeMounts: [
        { name: "mesh", mountPath: "/etc/weft/mesh", readOnly: true },
        { name: "ca", mountPath: "/etc/weft/ca", readOnly: true },
      ],
    });
    expect(podSpec().volumes).toEqual([
      { name: "mesh", configMap: { name: "weft-mesh-default", defaultMode: 0o444 } },
      { name: "ca", secret: { secretName: "istio-ca-secret", defaultMode: 0o440 } },
    ]);
  });

  it("selects what the Service and the PodDisruptionBudget select", () => {
    const selector = { app: "control", "mesh.weft.dev/revision": "default" };
    expect(find("Deployment").spec).toMatchObject({ selector: { matchLabels: selector } });
    expect(find("Service").spec).toMatchObject({ selector });
    expect(find("PodDisruptionBudget").spec).toEqual({
      minAvailable: 1,
      selector: { matchLabels: selector },
    });
  });
});

describe("the Service of control", () => {
  it("has the ports that proxies and the API server know", () => {
    const { ports } = find("Service").spec as { ports: { port: number; targetPort: string }[] };
    expect(ports.map(({ port, targetPort }) => [port, targetPort])).toEqual([
      [15012, "certificates"],
      [443, "webhooks"],
      [15014, "monitoring"],
    ]);
  });
});

describe("the PodDisruptionBudget", () => {
  it("does not hold up a drain for a control plane of one replica", () => {
    const spec = find("PodDisruptionBudget", makeInstallation({ control: { replicas: 1 } })).spec;
    expect(spec).toMatchObject({ maxUnavailable: 1 });
    expect(spec).not.toHaveProperty("minAvailable");
  });
});

describe("mesh.json", () => {
  it("says what control and the injector need to know", () => {
    const installation = makeInstallation({
      trustDomain: "prod.example",
      accessLog: true,
      accessLogEncoding: "JSON",
      mtls: { mode: "STRICT" },
      outboundTrafficPolicy: "REGISTRY_ONLY",
      localKeyAddresses: true,
      proxy: { concurrency: 2, resources: { requests: { cpu: 1 } } },
    });
    const data = find("ConfigMap", installation).data as { "mesh.json": string };
    expect(JSON.parse(data["mesh.json"])).toEqual({
      revision: "default",
      namespace: "istio-system",
      trustDomain: "prod.example",
      clusterDomain: "cluster.local",
      accessLog: true,
      accessLogEncoding: "JSON",
      outboundTrafficPolicy: "REGISTRY_ONLY",
      localKeyAddresses: true,
      mtls: { mode: "STRICT" },
      proxy: {
        image: "proxy:1",
        imagePullPolicy: "IfNotPresent",
        resources: { requests: { cpu: "1" }, limits: {} },
        logLevel: "warning",
        concurrency: 2,
      },
      injection: {
        nativeSidecar: "auto",
        ignoredNamespaces: [
          "kube-system",
          "kube-public",
          "kube-node-lease",
          "local-path-storage",
          "weft-system",
        ],
      },
    });
  });
});
