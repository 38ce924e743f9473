import type { MeshInstallationStatus } from "../crds/mesh-installation.ts";
import { type Condition, findCondition, setCondition } from "../kube/index.ts";
import type { CertificateReport } from "./certificates/report.ts";
import type { Installation } from "./installation.ts";
import type { DeletingReason, ReadyReason, ReconciledReason, WebhookReason } from "./reasons.ts";

/** What was found out about an installation in one look. */
export interface Observation {
  /** How far bringing it to what is wanted came. */
  readonly reconciled: {
    readonly status: "True" | "False" | "Unknown";
    readonly reason: ReconciledReason;
    readonly message: string;
  };
  /** Absent while the Deployment is not known. */
  readonly deployment?: DeploymentState | undefined;
  readonly webhook: WebhookState;
  /** Absent when the Secrets were not looked at. */
  readonly certificates?: CertificateReport | undefined;
  /** Present while the installation is being deleted. */
  readonly deleting?: { readonly reason: DeletingReason; readonly message: string } | undefined;
}

export interface DeploymentState {
  readonly wanted: number;
  readonly available: number;
  /** Whether the Deployment's controller has seen its present form. */
  readonly isObserved: boolean;
}

export interface WebhookState {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: WebhookReason;
  readonly message: string;
}

type Statement = Pick<Condition, "type" | "status" | "reason" | "message">;

/**
 * The status that an observation gives, from the one before: pure, so that it is written only when it is another.
 * `now` in milliseconds; `version` is the operator's own.
 */
export function determineStatus(
  installation: Installation,
  observation: Observation,
  now: number,
  version: string,
): MeshInstallationStatus {
  const { status: before, generation: observedGeneration } = installation;
  const statements = statementsOf(observation, before.conditions ?? []);
  const dropped = observation.deleting === undefined ? ["Deleting"] : [];
  const conditions = statements.reduce<Condition[]>(
    (list, statement) => setCondition(list, { ...statement, observedGeneration }, now),
    (before.conditions ?? []).filter(({ type }) => !dropped.includes(type)),
  );
  const end = observation.certificates?.intermediateEnd;
  const caExpiry = end === undefined ? before.caExpiry : `${new Date(end).toISOString().slice(0, 19)}Z`;
  const isActive =
    findCondition(conditions, "Ready")?.status === "True" && observation.reconciled.status === "True";
  return {
    observedGeneration,
    conditions,
    state: stateOf(observation, conditions),
    ...optional("version", isActive ? version : before.version),
    ...optional("activeRevision", isActive ? installation.revision : before.activeRevision),
    ...optional("caExpiry", caExpiry),
    ...optional("trustDomain", isActive ? installation.trustDomain : before.trustDomain),
  };
}

function statementsOf(observation: Observation, before: readonly Condition[]): Statement[] {
  const { reconciled, webhook, certificates, deleting } = observation;
  const certificate = certificates ?? findCondition(before, "CertificatesValid") ?? unknownCertificates;
  const { status, reason, message } = certificate;
  return [
    { type: "Reconciled", ...reconciled },
    { type: "CertificatesValid", status, reason, message },
    { type: "WebhookReady", ...webhook },
    { type: "Ready", ...readiness(observation, { status, reason, message }) },
    ...(deleting === undefined ? [] : [{ type: "Deleting", status: "True" as const, ...deleting }]),
  ];
}

const unknownCertificates = {
  status: "Unknown" as const,
  reason: "NotRead",
  message: "the CA Secrets were not read",
};

/** Ready: control serves, its webhooks are reached, and it has something to sign with. */
function readiness(
  { reconciled, deployment, webhook }: Observation,
  certificates: Omit<Statement, "type">,
): Omit<Statement, "type"> {
  const { wanted, available, isObserved } = deployment ?? { wanted: 0, available: 0, isObserved: false };
  if (reconciled.reason === "ReconcileFailed" || (reconciled.status !== "True" && deployment === undefined)) {
    return { status: "Unknown", reason: reconciled.reason, message: `not known: ${reconciled.message}` };
  }
  if (deployment === undefined) {
    return {
      status: "False",
      reason: "ControlMissing" satisfies ReadyReason,
      message: "the Deployment of control is not there",
    };
  }
  if (available === 0) {
    const message = `none of ${wanted} replicas of control is available; see their pods' events and logs`;
    return { status: "False", reason: "ControlNotAvailable" satisfies ReadyReason, message };
  }
  if (certificates.status !== "True") return certificates;
  if (webhook.status !== "True") return webhook;
  const rolling = isObserved ? "" : ", while a change rolls out";
  const message = `${available} of ${wanted} replicas of control serve${rolling}`;
  return { status: "True", reason: "Serving" satisfies ReadyReason, message };
}

/** One word for the printer column: the first condition that does not hold, else Healthy. */
function stateOf({ deleting, reconciled }: Observation, conditions: readonly Condition[]): string {
  if (deleting !== undefined) return deleting.reason === "InProgress" ? "Deleting" : deleting.reason;
  if (reconciled.reason === "Paused") return "Paused";
  const order = ["Reconciled", "CertificatesValid", "WebhookReady", "Ready"];
  const failing = order
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition !== undefined && condition.status !== "True");
  return failing?.reason ?? "Healthy";
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}

/** Whether two statuses say the same, whatever the order of their members. */
export function isSameStatus(a: MeshInstallationStatus, b: MeshInstallationStatus): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
