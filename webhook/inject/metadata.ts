import { labels, proxyContainerName, written } from "./names.ts";
import type { Pod } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";
import { type Workload, workloadReference } from "./workload.ts";

/** Kubernetes' bound on a label's value. */
const longestLabel = 63;

/** The labels injection adds; a label the user set stays theirs. */
export function labelsToAdd(pod: Pod, workload: Workload): Record<string, string> {
  const own = pod.labels;
  const wanted: Record<string, string> = {
    [labels.tlsMode]: "istio",
    [labels.canonicalName]: labelValue(own["app.kubernetes.io/name"] || own.app || workload.name),
    [labels.canonicalRevision]: labelValue(own["app.kubernetes.io/version"] || own.version || "latest"),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => own[name] === undefined));
}

/** The annotations injection writes, besides those for Prometheus. */
export function annotationsToWrite(
  pod: Pod,
  workload: Workload,
  injected: {
    readonly initContainers: readonly string[];
    readonly containers: readonly string[];
    readonly volumes: readonly string[];
    readonly imagePullSecrets: readonly string[];
  },
  settings: InjectionSettings,
): Record<string, string> {
  const annotations: Record<string, string> = {
    [written.status]: JSON.stringify({ ...injected, revision: settings.revision }),
    [written.workload]: workloadReference(workload),
    [written.revision]: settings.revision,
  };
  const first = pod.containers.find(({ name }) => name !== proxyContainerName)?.name;
  if (first === undefined) return annotations;
  // kubectl logs and exec without -c mean the application.
  for (const name of [written.defaultContainer, written.defaultLogsContainer]) {
    if (pod.annotations[name] === undefined) annotations[name] = first;
  }
  return annotations;
}

/** Cut to 63 characters and at an alphanumeric one, as a label's value must end. */
function labelValue(value: string): string {
  return value.slice(0, longestLabel).replace(/[^A-Za-z0-9]+$/, "");
}
