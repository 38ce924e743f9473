import type { Pod } from "./compile/inputs.ts";
import { workloadAnnotation } from "./compile/pods.ts";

/** Whether pods of a namespace with these labels are injected by this revision, unless they themselves refuse. */
export function isInjected(labels: Readonly<Record<string, string>> | undefined, revision: string): boolean {
  if (labels === undefined) return false;
  if (labels["istio-injection"] === "disabled") return false;
  if (labels["istio.io/rev"] !== undefined) return labels["istio.io/rev"] === revision;
  return labels["istio-injection"] === "enabled" && revision === "default";
}

/** Whether the injector has been at this pod. */
export function hasWorkload(pod: Pod): boolean {
  return pod.metadata.annotations?.[workloadAnnotation] !== undefined;
}
