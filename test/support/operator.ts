import { Registry } from "prom-client";
import type { Condition, MeshInstallation } from "../../crds/mesh-installation.ts";
import {
  type Client,
  createClient,
  createElection,
  createRecorder,
  type Election,
  findCondition,
  isNotFound,
  type KubeObject,
  loadConfig,
  noMetrics,
  type Resource,
  resources,
  silentLog,
  systemClock,
} from "../../kube/index.ts";
import { runOperator } from "../../operator/controller.ts";
import { wantedDefinitions } from "../../operator/definitions.ts";
import type { Installation } from "../../operator/installation.ts";
import { createOperatorMetrics } from "../../operator/metrics.ts";
import { operatorAccess } from "../../operator/rbac.ts";
import type { WebhookState } from "../../operator/status.ts";
import { meshInstallations, ownedKinds } from "../../operator/watches.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { poll } from "./poll.ts";

export const version = "0.1.0";
const definitions = wantedDefinitions();
const answering: WebhookState = { status: "True", reason: "Answering", message: "given by the test" };

export interface RunningOperator {
  /** Only with an identity. */
  readonly election: Election | undefined;
  /** The sum of a metric's samples that have these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  stop(): Promise<void>;
}

export interface OperatorOptions {
  /** Work only while leading as this candidate; without one, work at once. */
  readonly identity?: string;
  /** What the webhook probe finds; by default that the validator answers. */
  readonly probe?: (installation: Installation, signal: AbortSignal) => Promise<WebhookState>;
}

/**
 * A real API server for the operator, which runs as its own service account with the rights of operator/rbac.ts and no
 * more. There are no controllers and no kubelet: a Deployment is made available by writing its status by hand, and
 * nothing is collected by owner reference.
 */
export interface OperatorBench {
  readonly server: ApiServer;
  /** A cluster administrator's. */
  readonly admin: Client;
  start(options?: OperatorOptions): Promise<RunningOperator>;
  /** A client as a service account that exists. */
  clientOf(namespace: string, account: string): Promise<Client>;
  create(
    resource: Resource,
    object: { metadata: KubeObject["metadata"]; [field: string]: unknown },
  ): Promise<KubeObject>;
  install(name: string, spec: object): Promise<unknown>;
  installation(name: string): Promise<MeshInstallation>;
  /** Waits for a condition of a MeshInstallation. */
  reaches(name: string, type: string, status: string, reason?: string): Promise<Condition>;
  /** Stands in for the Deployment controller and the kubelet. */
  makeAvailable(namespace: string, revision: string): Promise<void>;
  /** Everything labelled as an installation's, with its kind. */
  owned(name: string): Promise<{ resource: Resource; object: KubeObject }[]>;
  isGone(resource: Resource, at: { namespace?: string; name: string }): Promise<boolean>;
  close(): Promise<void>;
}

export async function startOperatorBench(): Promise<OperatorBench> {
  const server = await startApiServer();
  const admin = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), {
    userAgent: "weft-test/1",
  });
  const running: RunningOperator[] = [];

  const create: OperatorBench["create"] = (resource, object) =>
    admin.create<KubeObject>(resource, {
      ...object,
      apiVersion: resource.group === "" ? resource.version : `${resource.group}/${resource.version}`,
      kind: resource.kind,
    });
  const clientOf: OperatorBench["clientOf"] = async (namespace, account) => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const answer = (await admin.request("POST", path, { body })).body as { status: { token: string } };
    return createClient(
      { server: server.url, namespace, ca: { data: server.ca }, token: { data: answer.status.token } },
      { userAgent: account },
    );
  };
  const installation = (name: string) => admin.get<MeshInstallation>(meshInstallations, { name });

  const start: OperatorBench["start"] = async ({ identity, probe = async () => answering } = {}) => {
    const client = await clientOf("weft-system", "weft-operator");
    const registry = new Registry();
    const metrics = createOperatorMetrics(registry, version);
    const recorder = createRecorder({ client, component: "weft.dev/operator" });
    const stop = new AbortController();
    let work: Promise<void> = Promise.resolve();
    const run = (signal: AbortSignal) => {
      work = runOperator(
        {
          client,
          definitions,
          images: { control: "control:test", proxy: "proxy:test" },
          version,
          operatorNamespace: "weft-system",
          probe,
          recorder,
          metrics,
          kubeMetrics: noMetrics,
          clock: systemClock,
          random: Math.random,
          log: silentLog,
        },
        signal,
      );
    };
    const election =
      identity === undefined
        ? undefined
        : createElection({
            client,
            namespace: "weft-system",
            name: "weft-operator",
            identity,
            leaseDurationMs: 3_000,
            renewDeadlineMs: 2_000,
            retryPeriodMs: 500,
            clock: systemClock,
            onStarted: run,
            onStopped: () => {},
          });
    const campaign = election?.run(stop.signal);
    if (election === undefined) run(stop.signal);
    const operator: RunningOperator = {
      election,
      async metric(name, labels = {}) {
        const found = await registry.getSingleMetric(name)?.get();
        const matching = (found?.values ?? []).filter((value) =>
          Object.entries(labels).every(([key, text]) => value.labels[key] === text),
        );
        return matching.reduce((sum, { value }) => sum + value, 0);
      },
      async stop() {
        stop.abort();
        await campaign;
        await work;
        await recorder.flush();
        client.close();
      },
    };
    running.push(operator);
    await eventually("the definitions are served", async () => {
      await admin.list(meshInstallations);
      return true;
    });
    return operator;
  };

  await create(resources.namespaces, { metadata: { name: "weft-system" } });
  for (const object of operatorAccess()) {
    await admin.apply(resourceOf(object.kind), object as KubeObject, { fieldManager: "test" });
  }
  return {
    server,
    admin,
    start,
    clientOf,
    create,
    installation,
    install: (name, spec) => create(meshInstallations, { metadata: { name }, spec }),
    reaches: (name, type, status, reason) =>
      eventually(`${name} has ${type}=${status} ${reason ?? ""}`, async () => {
        const condition = findCondition((await installation(name)).status?.conditions, type);
        return (
          condition?.status === status && (reason === undefined || condition.reason === reason) && condition
        );
      }),
    async makeAvailable(namespace, revision) {
      const name = `control-${revision}`;
      const { metadata } = await eventually("the Deployment", () =>
        admin.get(resources.deployments, { namespace, name }),
      );
      const counts = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
      await admin.patch(resources.deployments, {
        namespace,
        name,
        type: "merge",
        subresource: "status",
        body: { status: { observedGeneration: metadata.generation, ...counts } },
      });
    },
    async owned(name) {
      const labelSelector = `mesh.weft.dev/installation=${name}`;
      const lists = await Promise.all(
        ownedKinds.map(async (resource) =>
          (await admin.list(resource, { labelSelector })).items.map((object) => ({ resource, object })),
        ),
      );
      return lists.flat();
    },
    isGone: (resource, at) => admin.get(resource, at).then(() => false, isNotFound),
    async close() {
      await Promise.all(running.map((operator) => operator.stop()));
      admin.close();
      await server.close();
    },
  };
}

function resourceOf(kind: string): Resource {
  const known = Object.values(resources).find((resource) => resource.kind === kind);
  if (known === undefined) throw new Error(`no resource for ${kind}`);
  return known;
}

/** As `poll`, at the pace of an API server. */
export function eventually<T>(
  what: string,
  probe: () => Promise<T | false | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  return poll(what, probe, { timeoutMs, everyMs: 20 });
}
