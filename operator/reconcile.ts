import type { MeshInstallation } from "../crds/mesh-installation.ts";
import {
  type Client,
  type Clock,
  findCondition,
  isAlreadyExists,
  isNotFound,
  type Log,
  messageOf,
  type Recorder,
  resources,
  TransientError,
} from "../kube/index.ts";
import type { Applier, Correction } from "./apply.ts";
import { ensureCertificates } from "./certificates/ensure.ts";
import { type CertificateReport, reportCertificates } from "./certificates/report.ts";
import { describe } from "./difference.ts";
import {
  finalizer,
  holderOfRevision,
  type Images,
  type Installation,
  readInstallation,
} from "./installation.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { controlName, fieldManager, validatorName } from "./names.ts";
import { desired } from "./operands/desired.ts";
import { namespaceOperand } from "./operands/namespace.ts";
import type { Operand } from "./operands/operand.ts";
import type { Prober } from "./prober.ts";
import { DefinitionsPendingError, describeFailure, refuseImpossible } from "./refusals.ts";
import type { Remover } from "./remove.ts";
import type { DeploymentState, Observation, WebhookState } from "./status.ts";
import { regarding, type StatusWriter } from "./status-writer.ts";
import { meshInstallations, type Watches } from "./watches.ts";

export interface ReconcilerOptions {
  readonly client: Client;
  readonly watches: Watches;
  readonly applier: Applier;
  readonly prober: Prober;
  readonly remover: Remover;
  readonly statuses: StatusWriter;
  readonly recorder: Recorder;
  readonly metrics: OperatorMetrics;
  readonly images: Images;
  readonly version: string;
  readonly operatorNamespace: string;
  /** Names of the definitions that the API server does not serve yet. */
  readonly pendingDefinitions: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

type Result = { readonly requeueAfterMs?: number } | undefined;

/** Brings one MeshInstallation, by name, to what it asks for; see `desired` for what that is. */
export function createReconciler(
  options: ReconcilerOptions,
): (name: string, signal: AbortSignal) => Promise<Result> {
  const { client, watches, applier, prober, remover, statuses, metrics, images, operatorNamespace, clock } =
    options;

  return async (name, signal) => {
    const object = watches.installation(name);
    if (object === undefined) {
      metrics.forget(name);
      return undefined;
    }
    const installation = readInstallation(object, images);
    const others = watches
      .installations()
      .map((other) => readInstallation(other, images))
      .filter((other) => other.uid !== installation.uid);
    if (!installation.isDeleting) return keep(object, installation, others, signal);
    if (!installation.hasFinalizer) return undefined;
    const holder = holderOfRevision(installation, others);
    // One that never held its revision has nothing to take down.
    const removal =
      holder === undefined
        ? await remover.step(installation, others, signal)
        : await remover.finish(installation, signal).then(() => ({ state: "finished" as const }));
    if (removal.state === "finished") {
      prober.forget(installation.uid);
      statuses.forget(installation.uid);
      applier.forget(installation.uid);
      return undefined;
    }
    if (removal.state === "blocked") {
      // Workloads still need it: it is kept in repair until they are gone.
      await keep(object, installation, others, signal, removal.message);
      return { requeueAfterMs: removal.againMs };
    }
    const { message, againMs } = removal;
    const observation: Observation = {
      reconciled: { status: "False", reason: "Deleting", message },
      deployment: deploymentState(installation),
      webhook: { status: "False", reason: "NotInstalled", message: "the webhook is being removed" },
      deleting: { reason: "InProgress", message },
    };
    await statuses.write(object, installation, observation, signal);
    return { requeueAfterMs: againMs };
  };

  /** Everything but removal: make it so, look at it, write what was seen; both errors count. */
  async function keep(
    object: MeshInstallation,
    installation: Installation,
    others: readonly Installation[],
    signal: AbortSignal,
    blocked?: string,
  ): Promise<Result> {
    const deleting =
      blocked === undefined
        ? {}
        : { deleting: { reason: "WorkloadsStillInjected" as const, message: blocked } };
    if (installation.paused) {
      const message = "spec.paused is true: nothing is changed, and drift is not repaired";
      const reconciled = { status: "Unknown" as const, reason: "Paused" as const, message };
      await statuses.write(object, installation, { ...look(installation), reconciled, ...deleting }, signal);
      return undefined;
    }
    let certificates: CertificateReport | undefined;
    let outcome: Awaited<ReturnType<typeof make>> | undefined;
    let failure: unknown;
    try {
      refuseImpossible(installation, others, options);
      if (!installation.hasFinalizer) await setFinalizer(installation, signal);
      outcome = await make(object, installation, others, signal, (report) => {
        certificates = report;
      });
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
    const reconciled = failure === undefined ? complete : describeFailure(failure);
    const seen = look(installation, outcome?.areWebhooksApplied);
    const observation: Observation = { ...seen, reconciled, certificates, ...deleting };
    await statuses.write(object, installation, observation, signal).catch((error: unknown) => {
      throw failure === undefined ? error : new AggregateError([failure, error], messageOf(failure));
    });
    if (failure !== undefined) throw failure;
    return { requeueAfterMs: Math.max(1_000, (outcome?.until ?? 0) - clock.now()) };
  }

  /** Definitions, namespace, certificates, operands: each stands on those before it. */
  async function make(
    object: MeshInstallation,
    installation: Installation,
    others: readonly Installation[],
    signal: AbortSignal,
    onCertificates: (report: CertificateReport) => void,
  ): Promise<{ until: number; areWebhooksApplied: boolean }> {
    const pending = options.pendingDefinitions();
    if (pending.length > 0) {
      throw new DefinitionsPendingError(pending);
    }
    await ensureNamespace(installation, signal);
    const { secrets, done, until } = await ensureCertificates({
      client,
      namespace: installation.namespace,
      operatorNamespace,
      cached: watches.secrets(installation.namespace, operatorNamespace),
      now: clock.now(),
      log: options.log,
      signal,
    });
    const report = reportCertificates(secrets, installation.namespace, clock.now());
    onCertificates(report);
    metrics.certificates(installation.name, report);
    for (const step of done.filter((step) => step.startsWith("re"))) {
      tell(object, "Normal", "CertificateRotated", `${step}: ${report.message}`);
    }
    const inputs = { authoritySecret: report.secretName, trustBundle: report.trustBundle, operatorNamespace };
    const { controlPlane, webhooks } = desired(installation, inputs);
    await ensureAll(controlPlane, object, installation, others, signal);
    // The API server asks nobody before there is somebody to answer; once it does, that stays so.
    const isServing = (deploymentState(installation)?.available ?? 0) > 0;
    const hasServed = installation.status.activeRevision === installation.revision;
    const areWanted = isServing || hasServed || hasWebhooks(installation);
    if (areWanted) await ensureAll(webhooks, object, installation, others, signal);
    return { until, areWebhooksApplied: areWanted };
  }

  async function ensureAll(
    operands: readonly Operand[],
    object: MeshInstallation,
    installation: Installation,
    others: readonly Installation[],
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, status } = installation;
    const owners = {
      uid,
      others: new Set(others.map((other) => other.uid)),
      // A newer operator may want objects that the older did not: their absence is no drift.
      wasComplete:
        status.version === options.version && findCondition(status.conditions, "Ready")?.status === "True",
    };
    for (const operand of operands) {
      const correction = await applier.ensure(operand, owners, signal);
      if (correction !== undefined) report(object, correction);
    }
  }

  function report(object: MeshInstallation, { kind, name, difference }: Correction): void {
    metrics.driftCorrected(kind);
    const what = difference === "deleted" ? "it was deleted" : describe(difference);
    tell(object, "Warning", "DriftCorrected", `${kind} ${name}: ${what}`);
  }

  function tell(object: MeshInstallation, type: "Normal" | "Warning", reason: string, message: string): void {
    options.recorder.event({ regarding: regarding(object), type, reason, message, action: "Reconcile" });
  }

  /** What can be seen without changing anything. */
  function look(installation: Installation, areWebhooksApplied = hasWebhooks(installation)) {
    // Before the API server knows of the webhook, a probe would find what is no fault.
    const webhook = areWebhooksApplied ? prober.state(installation) : notInstalled;
    return { deployment: deploymentState(installation), webhook };
  }

  function hasWebhooks({ revision, namespace }: Installation): boolean {
    const name = validatorName(revision, namespace);
    return watches.operand(resources.validatingWebhookConfigurations, name) !== undefined;
  }

  function deploymentState({ namespace, revision }: Installation): DeploymentState | undefined {
    const found = watches.operand(resources.deployments, `${namespace}/${controlName(revision)}`);
    if (found === undefined) return undefined;
    const spec = found.spec as { replicas?: number } | undefined;
    const status = found.status as { availableReplicas?: number; observedGeneration?: number } | undefined;
    return {
      wanted: spec?.replicas ?? 1,
      available: status?.availableReplicas ?? 0,
      isObserved: (status?.observedGeneration ?? 0) >= (found.metadata.generation ?? 0),
    };
  }

  async function setFinalizer({ name, uid }: Installation, signal: AbortSignal): Promise<void> {
    await client.apply(
      meshInstallations,
      {
        apiVersion: "mesh.weft.dev/v1alpha1",
        kind: "MeshInstallation",
        metadata: { name, uid, finalizers: [finalizer] },
      },
      { fieldManager, signal },
    );
  }

  async function ensureNamespace(installation: Installation, signal: AbortSignal): Promise<void> {
    const { namespace: name } = installation;
    try {
      const { metadata } = await client.get(resources.namespaces, { name, signal });
      if (metadata.deletionTimestamp === undefined) return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await client
        .create(resources.namespaces, namespaceOperand(installation), { fieldManager, signal })
        .catch(ifMade);
      return;
    }
    throw new TransientError(`namespace ${name} is being deleted; waiting until it is gone`, {
      retryAfterMs: 2_000,
    });
  }
}

const complete = {
  status: "True" as const,
  reason: "Reconciled" as const,
  message: "every object is as it should be",
};
const notInstalled: WebhookState = {
  status: "False",
  reason: "NotInstalled",
  message: "the webhooks are installed once control serves",
};

function ifMade(error: unknown): void {
  if (!isAlreadyExists(error)) throw error;
}
