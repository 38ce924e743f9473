import { isObject } from "../json.ts";
import { autoImage, initContainerName, labels, proxyContainerName, written } from "./names.ts";
import type { Pod } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";

export type Decision =
  | { readonly inject: true; readonly reason: string }
  | { readonly inject: false; readonly reason: string; readonly warning?: string };

/**
 * Whether a pod gets a sidecar, in Istio's order: what can never have one, then the pod's own word, then its
 * namespace's. `namespaceLabels` is undefined when unknown.
 */
export function decide(
  pod: Pod,
  settings: InjectionSettings,
  namespaceLabels?: Readonly<Record<string, string>>,
): Decision {
  const impossible = whyImpossible(pod);
  if (impossible !== undefined) return skip(impossible);
  if (settings.ignoredNamespaces.includes(pod.namespace)) {
    return skip(`namespace ${pod.namespace} is never injected`);
  }
  // The control plane must start without its own webhook: in its namespace only a pod's own label counts.
  if (pod.namespace === settings.rootNamespace && pod.labels[labels.inject] !== "true") {
    return skip(`namespace ${pod.namespace} is the control plane's`);
  }
  const wish = wishOf(pod, namespaceLabels);
  if (!wish.inject) return wish;
  return alreadyInjected(pod) ?? wish;
}

function whyImpossible(pod: Pod): string | undefined {
  if (pod.spec.hostNetwork === true) return "the pod uses the host's network";
  if (pod.annotations["kubernetes.io/config.mirror"] !== undefined) return "the pod mirrors a static pod";
  if (isWindows(pod)) return "the pod runs on Windows";
  if (pod.labels[labels.dataplaneMode] === "ambient") return `label ${labels.dataplaneMode}=ambient`;
  return undefined;
}

function isWindows(pod: Pod): boolean {
  const { os, nodeSelector } = pod.spec;
  if (isObject(os) && os.name === "windows") return true;
  return isObject(nodeSelector) && nodeSelector["kubernetes.io/os"] === "windows";
}

/**
 * The pod's label, else its annotation; other values than true and false count as unset. Unset means yes, as the API
 * server has selected the pod by its namespace's labels before it asked: it knows them better than a watch, which
 * may be behind when someone labels a namespace and creates a pod at once.
 */
function wishOf(pod: Pod, namespaceLabels: Readonly<Record<string, string>> | undefined): Decision {
  const label = pod.labels[labels.inject];
  const annotation = pod.annotations[labels.inject];
  const [source, value] = label !== undefined ? ["label", label] : ["annotation", annotation];
  // istio-injection=disabled on the namespace wins even over the pod's own inject=true.
  if (namespaceLabels?.[labels.namespaceInjection] === "disabled") {
    return skip(`namespace label ${labels.namespaceInjection}=disabled`);
  }
  if (value === "true") return { inject: true, reason: `pod ${source} ${labels.inject}=true` };
  if (value === "false") return skip(`pod ${source} ${labels.inject}=false`);
  return { inject: true, reason: "selected by the webhook configuration" };
}

/** Never twice: a pod that has a sidecar, ours or another mesh's, is left exactly as it is. */
function alreadyInjected(pod: Pod): Decision | undefined {
  const own = [...pod.initContainers, ...pod.containers].filter(
    ({ name }) => name === proxyContainerName || name === initContainerName,
  );
  const foreign = own.find((container) => container.image !== autoImage);
  if (foreign === undefined) return undefined;
  if (pod.annotations[written.status] !== undefined) return skip("already injected");
  const reason = `the pod brings its own container ${foreign.name}`;
  return {
    inject: false,
    reason,
    warning: `no sidecar injected: container ${foreign.name} exists; use image "${autoImage}" to customise it`,
  };
}

function skip(reason: string): Decision {
  return { inject: false, reason };
}
