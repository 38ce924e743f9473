/** Secrets as the API server keeps them, for tests: a create fails where there is one, a replace on another version. */
import { ApiError, type Client, type KubeObject, keyOf } from "../../kube/index.ts";
import type { CertificateSecrets } from "./decide.ts";

export interface FakeSecrets {
  readonly client: Client;
  readonly writes: string[];
  get(key: string): KubeObject | undefined;
  set(secret: KubeObject): void;
  delete(key: string): void;
  /** As an informer that has seen everything would have them. */
  cached(namespace: string): CertificateSecrets;
}

export function createFakeSecrets(): FakeSecrets {
  const objects = new Map<string, KubeObject>();
  const writes: string[] = [];
  let version = 0;
  const failure = (status: number, reason: string) =>
    new ApiError("secrets", status, { reason, message: reason });
  const put = (secret: KubeObject) => {
    const stored = { ...secret, metadata: { ...secret.metadata, resourceVersion: String(++version) } };
    objects.set(keyOf(secret), stored);
    return stored;
  };
  const client = {
    async get(_resource: unknown, { namespace, name }: { namespace: string; name: string }) {
      const found = objects.get(`${namespace}/${name}`);
      if (found === undefined) throw failure(404, "NotFound");
      return found;
    },
    async create(_resource: unknown, secret: KubeObject) {
      if (objects.has(keyOf(secret))) throw failure(409, "AlreadyExists");
      writes.push(`create ${secret.metadata.name}`);
      return put(secret);
    },
    async replace(_resource: unknown, secret: KubeObject) {
      const found = objects.get(keyOf(secret));
      if (found?.metadata.resourceVersion !== secret.metadata.resourceVersion) throw failure(409, "Conflict");
      writes.push(`replace ${secret.metadata.name}`);
      return put(secret);
    },
  };
  return {
    client: client as unknown as Client,
    writes,
    get: (key) => objects.get(key),
    set: (secret) => {
      put(secret);
    },
    delete: (key) => {
      objects.delete(key);
    },
    cached: (namespace) => ({
      root: objects.get("weft-system/weft-root-ca"),
      authority: objects.get(`${namespace}/istio-ca-secret`),
      brought: objects.get(`${namespace}/cacerts`),
    }),
  };
}
