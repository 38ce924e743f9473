import type { MeshInstallationStatus } from "../crds/mesh-installation.ts";
import { findCondition } from "../kube/index.ts";

/** An Event to tell of, without what it regards. */
export interface Transition {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

const told = ["Reconciled", "CertificatesValid", "WebhookReady", "Ready", "Deleting"] as const;

/**
 * What changed from one status to the next that a person wants to hear of: one Event for each condition whose status
 * or, while it fails, reason is another. Nothing at all when nothing changed, however often it is looked at.
 */
export function transitions(before: MeshInstallationStatus, after: MeshInstallationStatus): Transition[] {
  return told.flatMap((type): Transition[] => {
    const old = findCondition(before.conditions, type);
    const next = findCondition(after.conditions, type);
    if (next === undefined) return [];
    const isSame = old?.status === next.status && (next.status === "True" || old.reason === next.reason);
    if (isSame && !(type === "Deleting" && old?.reason !== next.reason)) return [];
    if (type === "Deleting") {
      return [
        {
          type: next.reason === "InProgress" ? "Normal" : "Warning",
          reason: next.reason,
          message: next.message,
        },
      ];
    }
    // Being not there yet is no news; having gone is.
    if (next.status === "Unknown") return [];
    if (next.status === "True") {
      return [
        {
          type: "Normal",
          reason: type === "Ready" && wasNeverReady(before) ? "Installed" : type,
          message: next.message,
        },
      ];
    }
    if (old === undefined && type !== "Reconciled") return [];
    return [{ type: "Warning", reason: next.reason, message: `${type}: ${next.message}` }];
  });
}

function wasNeverReady(before: MeshInstallationStatus): boolean {
  return before.activeRevision === undefined;
}
