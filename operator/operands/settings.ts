import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { settingsName } from "../names.ts";
import { type Inputs, type Operand, operand } from "./operand.ts";

/** ConfigMap `weft-mesh-REV`, key `mesh.json`: what control reads of the installation, and follows as it changes. */
export function settingsOperand(installation: Installation, inputs: Inputs): Operand {
  const { revision, namespace, trustDomain, proxy, injection } = installation;
  const mesh = {
    revision,
    namespace,
    trustDomain,
    clusterDomain: "cluster.local",
    accessLog: installation.accessLog,
    accessLogEncoding: installation.accessLogEncoding,
    outboundTrafficPolicy: installation.outboundTrafficPolicy,
    localKeyAddresses: installation.localKeyAddresses,
    mtls: { mode: installation.mtlsMode },
    proxy: {
      image: proxy.image,
      imagePullPolicy: "IfNotPresent",
      resources: proxy.resources,
      logLevel: proxy.logLevel,
      concurrency: proxy.concurrency,
    },
    injection: {
      nativeSidecar: injection.nativeSidecar,
      ignoredNamespaces: ignoredNamespaces(inputs),
    },
  };
  return operand(installation, resources.configMaps, {
    name: settingsName(revision),
    data: { "mesh.json": `${JSON.stringify(mesh, null, 2)}\n` },
  });
}

/** Never injected: what the cluster itself stands on, and the operator, which must start without its own operand. */
export function ignoredNamespaces(inputs: Inputs): string[] {
  return ["kube-system", "kube-public", "kube-node-lease", "local-path-storage", inputs.operatorNamespace];
}
