/** What is left of an installation that is being deleted. */
export interface Remains {
  /** Running pods with a sidecar of this revision. */
  readonly injected: number;
  readonly isForced: boolean;
  readonly webhooks: boolean;
  /** Milliseconds since the webhook configurations were last seen; 0 when they were just now. */
  readonly sinceWebhooksMs: number;
  readonly controlPlane: boolean;
  /** Pods of control that have not ended: they could still write what is being removed. */
  readonly controlPods: number;
  readonly compiled: boolean;
  readonly access: boolean;
  readonly authority: boolean;
}

export type RemovalStep =
  | { readonly do: "wait-for-workloads" }
  | { readonly do: "delete-webhooks" }
  | { readonly do: "wait"; readonly ms: number; readonly for: string }
  | { readonly do: "delete-control-plane" }
  | { readonly do: "delete-compiled" }
  | { readonly do: "delete-access" }
  | { readonly do: "delete-authority" }
  | { readonly do: "finish" };

/** API servers learn of a changed webhook configuration by watch; every one of them within this time. */
const propagationMs = 2_000;
const podsMs = 1_000;

/**
 * The one next step of taking an installation down. The order: nothing while workloads need it; then the webhook
 * configurations, so that no API server asks a control plane that is going; then control; then what it wrote; then its
 * rights; the CA Secret last, as it is what cannot be made again. When forced, what sidecars still run from is left:
 * their configuration, and the authority that a new installation goes on with.
 */
export function nextRemovalStep(remains: Remains): RemovalStep {
  if (remains.injected > 0 && !remains.isForced) return { do: "wait-for-workloads" };
  if (remains.webhooks) return { do: "delete-webhooks" };
  if (remains.sinceWebhooksMs < propagationMs) {
    return {
      do: "wait",
      ms: propagationMs - remains.sinceWebhooksMs,
      for: "API servers to forget the webhooks",
    };
  }
  if (remains.controlPlane) return { do: "delete-control-plane" };
  if (remains.controlPods > 0) return { do: "wait", ms: podsMs, for: "pods of control to end" };
  if (remains.compiled && remains.injected === 0) return { do: "delete-compiled" };
  if (remains.access) return { do: "delete-access" };
  if (remains.authority && remains.injected === 0) return { do: "delete-authority" };
  return { do: "finish" };
}
