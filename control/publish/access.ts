import {
  type Client,
  type Clock,
  createWorkQueue,
  type Informer,
  type KubeMetrics,
  type Log,
  type MetaObject,
  noMetrics,
  resources,
  runController,
} from "../../kube/index.ts";
import { classify } from "./failures.ts";
import { fieldManager } from "./write.ts";

/** Name of the Role and the RoleBinding in every injected namespace. */
export const accessName = "weft-proxy";

interface Role extends MetaObject {
  rules?: unknown;
}
interface RoleBinding extends MetaObject {
  roleRef?: unknown;
  subjects?: unknown;
}

/** Lets the pods of injected namespaces read the WorkloadConfigs of their own namespace, and nothing else. */
export interface ProxyAccess {
  /** The namespace came, changed, or got its first pod with a sidecar. */
  changed(namespace: string): void;
  /** Writes until the signal aborts. */
  lead(signal: AbortSignal, namespaces: readonly string[]): Promise<void>;
}

export function createProxyAccess(options: {
  client: Client;
  roles: Pick<Informer<MetaObject>, "store" | "onChange">;
  roleBindings: Pick<Informer<MetaObject>, "store" | "onChange">;
  /** Whether proxies run in the namespace, or may any moment. */
  isMeshed: (namespace: string) => boolean;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics?: KubeMetrics;
}): ProxyAccess {
  const { client, roles, roleBindings, isMeshed, clock, random, log, metrics = noMetrics } = options;
  let queue: ReturnType<typeof createWorkQueue> | undefined;

  const changed = (namespace: string) => {
    if (queue !== undefined && isMeshed(namespace)) queue.add(namespace);
  };
  for (const informer of [roles, roleBindings]) {
    informer.onChange(({ object }) => changed(object.metadata.namespace ?? ""));
  }

  const reconcile = async (namespace: string, signal: AbortSignal) => {
    if (!isMeshed(namespace)) return;
    const key = `${namespace}/${accessName}`;
    const role = roleOf(namespace);
    const binding = bindingOf(namespace);
    const found: { role?: Role | undefined; binding?: RoleBinding | undefined } = {
      role: roles.store.get(key),
      binding: roleBindings.store.get(key),
    };
    try {
      if (!same(found.role?.rules, role.rules)) {
        await client.apply(resources.roles, role, { fieldManager, signal });
      }
      if (
        !same(found.binding?.roleRef, binding.roleRef) ||
        !same(found.binding?.subjects, binding.subjects)
      ) {
        await client.apply(resources.roleBindings, binding, { fieldManager, signal });
      }
    } catch (error) {
      throw classify(error, random);
    }
  };

  return {
    changed,
    async lead(signal, namespaces) {
      const own = createWorkQueue({ name: "access", clock, baseDelayMs: 50, maxDelayMs: 30_000, metrics });
      queue = own;
      for (const namespace of namespaces) changed(namespace);
      await runController({ name: "access", queue: own, workers: 2, reconcile, log, clock, metrics, signal });
      if (queue === own) queue = undefined;
    },
  };
}

const labels = { "app.kubernetes.io/part-of": "weft", "app.kubernetes.io/managed-by": "weft-control" };

function roleOf(namespace: string) {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: accessName, namespace, labels },
    rules: [
      { apiGroups: ["mesh.weft.dev"], resources: ["workloadconfigs"], verbs: ["get", "list", "watch"] },
    ],
  };
}

function bindingOf(namespace: string) {
  const apiGroup = "rbac.authorization.k8s.io";
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: "RoleBinding",
    metadata: { name: accessName, namespace, labels },
    roleRef: { apiGroup, kind: "Role", name: accessName },
    subjects: [{ apiGroup, kind: "Group", name: `system:serviceaccounts:${namespace}` }],
  };
}

/** These are ours alone, and the API server keeps the order of members. */
const same = (a: unknown, b: unknown) => canonical(a) === canonical(b);

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
