/**
 * The mutual-TLS mode that holds for a workload's port: its own port-level entry, else the workload's policy, else the
 * namespace's, else the root namespace's, else the mesh's default. UNSET inherits; in one scope the oldest policy wins.
 */
import type { MtlsMode } from "../../crds/workload-config.ts";
import type { PeerAuthentication } from "./inputs.ts";
import type { MutualTls } from "./istio.ts";
import { isEmpty, type Labels, selects } from "./labels.ts";
import { byAge } from "./order.ts";
import { validPort } from "./ports.ts";

/** The policies of one namespace and of the root namespace, put in the order in which they are asked. */
export interface PeerPolicies {
  readonly mesh?: PeerAuthentication;
  readonly namespace?: PeerAuthentication;
  /** Those with a selector, oldest first. */
  readonly selective: readonly PeerAuthentication[];
  /** What holds when all are UNSET. */
  readonly fallback: MtlsMode;
}

/** How one workload is called. */
export interface PeerModes {
  /** For ports that are not in `ports`. */
  readonly mode: MtlsMode;
  readonly ports: ReadonlyMap<number, MtlsMode>;
  /** The policies that had a say. */
  readonly policies: readonly PeerAuthentication[];
}

/**
 * Sorts policies out for one namespace. In the root namespace a policy with a selector is ignored, even for workloads
 * there, and a policy without one is the mesh's.
 */
export function peerPolicies(
  namespace: string,
  rootNamespace: string,
  policiesOf: (namespace: string) => readonly PeerAuthentication[],
  fallback: MtlsMode,
): PeerPolicies {
  const hasSelector = (policy: PeerAuthentication) => !isEmpty(policy.spec?.selector?.matchLabels);
  const oldest = (policies: readonly PeerAuthentication[]) =>
    policies.filter((policy) => !hasSelector(policy)).sort(byAge)[0];
  const own = namespace === rootNamespace ? [] : policiesOf(namespace);
  const mesh = oldest(policiesOf(rootNamespace));
  const wide = oldest(own);
  return {
    ...(mesh && { mesh }),
    ...(wide && { namespace: wide }),
    selective: own.filter(hasSelector).sort(byAge),
    fallback,
  };
}

/** The modes of a workload with these labels. */
export function peerModes(policies: PeerPolicies, labels: Labels | undefined): PeerModes {
  const workload = policies.selective.find((policy) =>
    selects(policy.spec?.selector?.matchLabels ?? {}, labels),
  );
  const chain = [workload, policies.namespace, policies.mesh].filter((policy) => policy !== undefined);
  const mode = chain.map((policy) => set(policy.spec?.mtls?.mode)).find((found) => found !== undefined);
  const ports = new Map<number, MtlsMode>();
  for (const [port, { mode: own }] of Object.entries(workload?.spec?.portLevelMtls ?? {})) {
    const found = set(own);
    const number = validPort(Number(port));
    if (found !== undefined && number !== undefined) ports.set(number, found);
  }
  return { mode: mode ?? policies.fallback, ports, policies: chain };
}

/** The mode of one container port (portLevelMtls counts container ports, not service ports). */
export function modeOfPort(modes: PeerModes, port: number): MtlsMode {
  return modes.ports.get(port) ?? modes.mode;
}

/** Whether a policy could make a port be called in plaintext. */
export function canDisable(policy: PeerAuthentication): boolean {
  const ports = Object.values(policy.spec?.portLevelMtls ?? {});
  return [policy.spec?.mtls, ...ports].some((entry) => entry?.mode === "DISABLE");
}

function set(mode: MutualTls["mode"]): MtlsMode | undefined {
  return mode === undefined || mode === "UNSET" ? undefined : mode;
}
