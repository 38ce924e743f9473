import { Counter, Gauge, type Registry } from "prom-client";
import type { MeshInstallationStatus } from "../crds/mesh-installation.ts";
import type { CertificateReport } from "./certificates/report.ts";

/** What the operator counts of its own work, under `weft_operator_*`. */
export interface OperatorMetrics {
  driftCorrected(kind: string): void;
  applied(kind: string): void;
  statusWritten(): void;
  certificates(installation: string, report: CertificateReport): void;
  conditions(installation: string, status: MeshInstallationStatus): void;
  /** Running pods that keep an installation from being deleted. */
  blockedBy(installation: string, pods: number): void;
  /** The installation is gone. */
  forget(installation: string): void;
}

export function createOperatorMetrics(registry: Registry, version: string): OperatorMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });

  gauge("weft_operator_info", "1, with the operator's version.", ["version"]).set({ version }, 1);
  const drift = counter(
    "weft_operator_drift_corrections_total",
    "Objects that others changed or deleted and the operator put right, by kind.",
    ["kind"],
  );
  const applies = counter("weft_operator_applies_total", "Server-side applies of operands, by kind.", [
    "kind",
  ]);
  const statuses = counter("weft_operator_status_writes_total", "Writes of a MeshInstallation's status.");
  const ends = gauge(
    "weft_operator_certificate_end_timestamp_seconds",
    "When a CA certificate ends, as seconds since the epoch, by installation and certificate (root, intermediate).",
    ["installation", "certificate"],
  );
  const condition = gauge(
    "weft_operator_condition",
    "Conditions of a MeshInstallation: 1 True, 0 False, -1 Unknown.",
    ["installation", "type"],
  );
  const blocking = gauge(
    "weft_operator_deletion_blocking_pods",
    "Running pods with a sidecar that keep an installation from being deleted.",
    ["installation"],
  );

  return {
    driftCorrected: (kind) => drift.inc({ kind }),
    applied: (kind) => applies.inc({ kind }),
    statusWritten: () => statuses.inc(),
    certificates(installation, { rootEnd, intermediateEnd }) {
      const found = { root: rootEnd, intermediate: intermediateEnd };
      for (const [certificate, end] of Object.entries(found)) {
        if (end === undefined) ends.remove({ installation, certificate });
        else ends.set({ installation, certificate }, end / 1000);
      }
    },
    conditions(installation, status) {
      for (const { type, status: value } of status.conditions ?? []) {
        condition.set({ installation, type }, value === "True" ? 1 : value === "False" ? 0 : -1);
      }
    },
    blockedBy: (installation, pods) => blocking.set({ installation }, pods),
    forget(installation) {
      blocking.remove({ installation });
      for (const certificate of ["root", "intermediate"]) ends.remove({ installation, certificate });
      for (const type of ["Reconciled", "CertificatesValid", "WebhookReady", "Ready", "Deleting"]) {
        condition.remove({ installation, type });
      }
    },
  };
}
