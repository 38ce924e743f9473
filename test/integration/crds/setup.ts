/** An API server with every definition of the API, ready to take objects. */
import { setTimeout as sleep } from "node:timers/promises";
import { allKinds, customResourceDefinitions, type Kind } from "../../../crds/index.ts";
import {
  ApiError,
  type Client,
  createClient,
  isNotFound,
  type KubeObject,
  loadConfig,
  resources,
} from "../../../kube/index.ts";
import { type ApiServer, startApiServer } from "../../support/api-server.ts";

export interface Definitions {
  readonly client: Client;
  readonly namespace: string;
  /** Writes an object as `kubectl apply` would for the first time, and answers what was stored; dry run by default. */
  create(object: KubeObject, options?: { readonly dryRun?: boolean }): Promise<KubeObject>;
  close(): Promise<void>;
}

export async function startWithDefinitions(): Promise<Definitions> {
  const server: ApiServer = await startApiServer();
  const client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), {
    userAgent: "weft-test/1",
  });
  for (const definition of customResourceDefinitions())
    await client.create(resources.customResourceDefinitions, { ...definition });
  await Promise.all(
    allKinds.flatMap((kind) => kind.versions.map((version) => served(client, kind, version))),
  );
  for (const name of ["production", "istio-system"])
    await client.create(resources.namespaces, { metadata: { name } });
  return {
    client,
    namespace: "production",
    async create(object, { dryRun = true } = {}) {
      const query = { fieldValidation: "Strict", ...(dryRun ? { dryRun: "All" } : {}) };
      const { body } = await client.request("POST", collection(object, "production"), {
        query,
        body: object,
      });
      return body as KubeObject;
    },
    async close() {
      client.close();
      await server.close();
    },
  };
}

/** Path of the collection that the object's apiVersion and kind name. */
export function collection(object: KubeObject, namespace: string): string {
  const kind = allKinds.find((kind) => kind.kind === object.kind);
  if (kind === undefined)
    throw new Error(`found kind ${object.kind}; expected one of ${allKinds.map((k) => k.kind)}`);
  const root = `/apis/${object.apiVersion}`;
  return kind.scope === "Cluster"
    ? `${root}/${kind.plural}`
    : `${root}/namespaces/${object.metadata.namespace ?? namespace}/${kind.plural}`;
}

/** A definition is served a moment after it is established. */
async function served(client: Client, kind: Kind, version: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await client.request("GET", `/apis/${kind.group}/${version}/${kind.plural}`);
      return;
    } catch (error) {
      const soon = isNotFound(error) || (error instanceof ApiError && error.status === 503);
      if (!soon || Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
