/**
 * A real API server for control: with the mesh's definitions, the namespaces of control and of a shop, and a CA. There are no
 * controllers and no kubelet: what `deploy` makes runs by its status alone.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createIntermediate, createRoot, readSigningKey } from "../../control/ca/index.ts";
import { createCompiler } from "../../control/compile/index.ts";
import { type Control, startControl } from "../../control/control.ts";
import { createControlMetrics } from "../../control/metrics.ts";
import { serviceConfigs, workloadConfigs } from "../../control/publish/write.ts";
import { customResourceDefinitions } from "../../crds/index.ts";
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import {
  type Client,
  createClient,
  createLog,
  isNotFound,
  type KubeObject,
  type Level,
  loadConfig,
  type MetaObject,
  type Resource,
  resources,
  systemClock,
} from "../../kube/index.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { poll } from "./poll.ts";

/** The namespace that the mesh is for. */
export const namespace = "shop";
export const fieldManager = "test";

const istio = (group: string, version: string, kind: string, plural: string): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});
export const virtualServices = istio("networking.istio.io", "v1beta1", "VirtualService", "virtualservices");
export const destinationRules = istio(
  "networking.istio.io",
  "v1beta1",
  "DestinationRule",
  "destinationrules",
);
export const serviceEntries = istio("networking.istio.io", "v1beta1", "ServiceEntry", "serviceentries");
export const requestAuthentications = istio(
  "security.istio.io",
  "v1",
  "RequestAuthentication",
  "requestauthentications",
);
export const rateLimits = istio("mesh.weft.dev", "v1alpha1", "RateLimit", "ratelimits");

/** As `poll`, at the pace of an API server. */
export function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 15_000,
): Promise<T> {
  return poll(what, probe, { timeoutMs, everyMs: 10 });
}

/** A compiled object; without a status before its first. */
export interface Compiled<S> extends MetaObject {
  status?: S;
}

/** Weight by subset of the route that no header leads to. */
export function weightsOf({ service }: ServiceConfigStatus): Record<string, number> {
  const action = service?.common.http.at(-1)?.action;
  const destinations = action?.kind === "forward" ? action.destinations : [];
  return Object.fromEntries(destinations.map(({ subset, weight }) => [subset, weight]));
}

export class ControlBench implements AsyncDisposable {
  readonly server: ApiServer;
  readonly client: Client;
  /** PEM of the mesh's root. */
  readonly root: string;
  /** `cacerts` and `mesh.json`. */
  readonly folder: string;
  /** Those that were started, and not stopped. */
  readonly running: Control[] = [];

  private constructor(server: ApiServer, client: Client, root: string, folder: string) {
    this.server = server;
    this.client = client;
    this.root = root;
    this.folder = folder;
  }

  static async open(): Promise<ControlBench> {
    const server = await startApiServer();
    const config = await loadConfig({ kubeconfig: server.kubeconfig });
    const client = createClient(config, { userAgent: "weft-test" });
    for (const definition of customResourceDefinitions()) {
      await client.apply(resources.customResourceDefinitions, definition as unknown as KubeObject, {
        fieldManager,
      });
    }
    for (const name of ["istio-system", namespace]) {
      const labels = name === namespace ? { "istio-injection": "enabled" } : {};
      await client.create(resources.namespaces, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name, labels },
      });
    }
    const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 };
    const anchor = await createRoot("test root", validity);
    const signing = await createIntermediate(await readSigningKey(anchor), "test CA", validity);
    const folder = await mkdtemp(join(tmpdir(), "weft-ca-"));
    const mesh = { proxy: { image: "weft.dev/proxy:test" }, localKeyAddresses: true };
    await Promise.all([
      writeFile(join(folder, "ca-cert.pem"), signing.certificate),
      writeFile(join(folder, "ca-key.pem"), signing.key),
      writeFile(join(folder, "root-cert.pem"), anchor.certificate),
      writeFile(join(folder, "cert-chain.pem"), signing.certificate),
      writeFile(join(folder, "mesh.json"), JSON.stringify(mesh)),
    ]);
    return new ControlBench(server, client, anchor.certificate, folder);
  }

  get meshFile(): string {
    return join(this.folder, "mesh.json");
  }

  async start(identity: string): Promise<Control> {
    const config = await loadConfig({ kubeconfig: this.server.kubeconfig });
    const control = await startControl({
      client: createClient(config, { userAgent: "weft-control" }),
      createCompiler,
      revision: "default",
      namespace: "istio-system",
      identity,
      ports: { webhooks: 0, certificates: 0, health: 0 },
      host: "127.0.0.1",
      meshFile: this.meshFile,
      caFolder: this.folder,
      clock: systemClock,
      random: Math.random,
      log: createLog({ level: (process.env.WEFT_TEST_LOG as Level | undefined) ?? "error" }),
      metrics: createControlMetrics(),
    });
    this.running.push(control);
    return control;
  }

  async stop(control: Control): Promise<void> {
    this.running.splice(this.running.indexOf(control), 1);
    await control.stop(0);
  }

  async create(resource: Resource, name: string, spec: object): Promise<KubeObject> {
    const apiVersion = `${resource.group}/${resource.version}`;
    const object = { apiVersion, kind: resource.kind, metadata: { name, namespace }, spec };
    return await this.client.create(resource, object as KubeObject);
  }

  async read<S>(resource: Resource, name: string): Promise<Compiled<S> | undefined> {
    try {
      return await this.client.get<Compiled<S>>(resource, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Waits for a compiled object of which `check` holds. */
  async compiled<S>(
    resource: Resource,
    name: string,
    check: (status: S) => boolean = () => true,
  ): Promise<Compiled<S> & { status: S }> {
    return await until(`${resource.kind} ${name}`, async () => {
      const object = await this.read<S>(resource, name);
      return object?.status !== undefined && check(object.status)
        ? { ...object, status: object.status }
        : undefined;
    });
  }

  /** resourceVersion by name of all that is compiled. */
  async versions(): Promise<Record<string, string | undefined>> {
    const lists = await Promise.all([
      this.client.list(serviceConfigs, { namespace }),
      this.client.list(workloadConfigs, { namespace }),
    ]);
    return Object.fromEntries(
      lists.flatMap(({ items }) => items.map(({ metadata }) => [metadata.name, metadata.resourceVersion])),
    );
  }

  /** As `versions`, when they have been the same for a second: nothing is left to be written. */
  async settled(): Promise<Record<string, string | undefined>> {
    let [found, since] = [await this.versions(), Date.now()];
    await until("nothing is written any more", async () => {
      const now = await this.versions();
      if (!isDeepStrictEqual(now, found)) [found, since] = [now, Date.now()];
      return Date.now() - since > 1_000 || undefined;
    });
    return found;
  }

  /** A Deployment and its one pod, which runs at the address. */
  async deploy(name: string, version: string, address: string): Promise<MetaObject> {
    const workload = `${name}-${version}`;
    const labels = { app: name, version, "security.istio.io/tlsMode": "istio" };
    const container = { name: "app", image: "app", ports: [{ containerPort: 8080 }] };
    await this.client.create(resources.deployments, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: workload, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    } as KubeObject);
    const pod = await this.client.create(resources.pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `${workload}-abc`,
        namespace,
        labels,
        annotations: { "mesh.weft.dev/workload": `Deployment/${workload}`, "sidecar.istio.io/status": "{}" },
      },
      spec: { serviceAccountName: name, containers: [container] },
    } as KubeObject);
    await this.client.patch(resources.pods, {
      namespace,
      name: pod.metadata.name,
      type: "merge",
      subresource: "status",
      body: { status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] } },
    });
    return pod;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const control of this.running) await control.stop(0);
    this.client.close();
    await this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
