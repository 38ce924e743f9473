import type { Client, WatchOptions } from "./client.ts";
import { ApiError } from "./errors.ts";
import { pathOf } from "./paths.ts";
import type { KubeObject, List, MetaObject, Resource, StatusBody, WatchEvent } from "./types.ts";

/** An API server in memory, for tests: objects, resourceVersions, conflicts; no schemas, no admission. */
export interface FakeClient extends Client {
  /** Every request, as `verb path`, in order. */
  readonly requests: string[];
  /** Answers the next request whose line matches with this failure. */
  failNext(match: RegExp, error: Error): void;
  /** Puts an object there as another client would. */
  put(resource: Resource, object: MetaObject): KubeObject;
  peek(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined;
  /** What `watch` yields; a test replaces it. */
  onWatch: (
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ) => AsyncIterable<WatchEvent<never>>;
}

export function createFakeClient(): FakeClient {
  const objects = new Map<string, KubeObject>();
  const failures: { match: RegExp; error: Error }[] = [];
  const requests: string[] = [];
  let version = 100;
  let uids = 0;

  const fail = (status: number, reason: string, what: string, body: StatusBody = {}): never => {
    throw new ApiError(what, status, { reason, message: reason, ...body });
  };
  const begin = (line: string) => {
    requests.push(line);
    const at = failures.findIndex(({ match }) => match.test(line));
    const failure = at < 0 ? undefined : failures.splice(at, 1)[0];
    if (failure !== undefined) throw failure.error;
  };
  const store = (path: string, object: MetaObject): KubeObject => {
    const old = objects.get(path);
    const stored = structuredClone(object) as KubeObject;
    stored.metadata.uid = old?.metadata.uid ?? `uid-${++uids}`;
    stored.metadata.resourceVersion = String(++version);
    objects.set(path, stored);
    return structuredClone(stored);
  };
  const existing = (path: string) => objects.get(path) ?? fail(404, "NotFound", path);
  const one = (resource: Resource, { metadata }: MetaObject) => pathOf(resource, metadata);

  const fake: FakeClient = {
    requests,
    failNext: (match, error) => failures.push({ match, error }),
    put: (resource, object) => store(one(resource, object), object),
    peek: (resource, namespace, name) => objects.get(pathOf(resource, { namespace, name })),
    onWatch: async function* () {},

    async get<T>(resource: Resource, { namespace, name }: { namespace?: string | undefined; name: string }) {
      const path = pathOf(resource, { namespace, name });
      begin(`get ${path}`);
      return structuredClone(existing(path)) as unknown as T;
    },
    async list<T>(resource: Resource, options: { namespace?: string | undefined } = {}) {
      const path = pathOf(resource, options);
      begin(`list ${path}`);
      const one = options.namespace === undefined ? "[^/]+" : options.namespace;
      const ofOne = new RegExp(`/(namespaces/${one}/)?${resource.plural}/[^/]+$`);
      const root = pathOf(resource, {}).slice(0, -resource.plural.length);
      const items = [...objects]
        .filter(([key]) => key.startsWith(root) && ofOne.test(key))
        .map(([, found]) => found);
      return {
        metadata: { resourceVersion: String(version) },
        items: structuredClone(items),
      } as unknown as List<T>;
    },
    async create<T extends MetaObject>(resource: Resource, object: T) {
      const path = one(resource, object);
      begin(`create ${path}`);
      if (objects.has(path)) fail(409, "AlreadyExists", path);
      return store(path, object) as unknown as T;
    },
    async replace<T extends MetaObject>(resource: Resource, object: T) {
      const path = one(resource, object);
      begin(`update ${path}`);
      const known = object.metadata.resourceVersion;
      if (known !== undefined && existing(path).metadata.resourceVersion !== known)
        fail(409, "Conflict", path);
      return store(path, object) as unknown as T;
    },
    async patch<T extends MetaObject>(
      resource: Resource,
      { namespace, name, type, body, subresource }: Parameters<Client["patch"]>[1],
    ) {
      const path = pathOf(resource, { namespace, name });
      begin(`patch ${path}${subresource === undefined ? "" : `/${subresource}`}`);
      const object = structuredClone(existing(path));
      if (type === "json") {
        for (const { op, path: at, value } of body as { op: string; path: string; value: unknown }[]) {
          const uid = object.metadata.uid;
          if (op === "test" && at === "/metadata/uid" && uid !== value) fail(422, "Invalid", path);
          if (op === "add") object[at.slice(1)] = structuredClone(value);
        }
      } else merge(object, body as Record<string, unknown>);
      return store(path, object) as unknown as T;
    },
    async apply<T extends MetaObject>(resource: Resource, object: T) {
      const path = one(resource, object);
      begin(`apply ${path}`);
      const merged: KubeObject = structuredClone(objects.get(path)) ?? { metadata: { ...object.metadata } };
      merge(merged, structuredClone(object) as unknown as Record<string, unknown>);
      return store(path, merged) as unknown as T;
    },
    async delete(resource, { namespace, name, preconditions }) {
      const path = pathOf(resource, { namespace, name });
      begin(`delete ${path}`);
      const { uid } = existing(path).metadata;
      if (preconditions?.uid !== undefined && preconditions.uid !== uid) fail(409, "Conflict", path);
      objects.delete(path);
    },
    watch: (resource, options, signal) => fake.onWatch(resource, options, signal),
    async request(method, path) {
      begin(`${method} ${path}`);
      return fail(404, "NotFound", path);
    },
    close() {},
  };
  return fake;
}

function merge(target: Record<string, unknown>, patch: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(patch)) {
    const old = target[key];
    if (value === null) delete target[key];
    else if (isRecord(value) && isRecord(old)) merge(old, value);
    else target[key] = value;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
