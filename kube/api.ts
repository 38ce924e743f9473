/** What can be asked of the Kubernetes API, and how. */
import type { Query } from "./paths.ts";
import type { KubeObject, List, MetaObject, Resource, WatchEvent } from "./types.ts";

export interface Target {
  namespace?: string | undefined;
  name: string;
  signal?: AbortSignal | undefined;
}

export interface ListOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Objects a page; the answer's `metadata.continue` asks for the next. Absent: everything at once. */
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  /** Asks for PartialObjectMetadata: no spec, no status. */
  metadataOnly?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface WatchOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  metadataOnly?: boolean | undefined;
  resourceVersion?: string | undefined;
  timeoutSeconds?: number | undefined;
  /** Streams what exists first, then a BOOKMARK annotated `k8s.io/initial-events-end` (KEP-3157). */
  sendInitialEvents?: boolean | undefined;
}

export interface WriteOptions {
  fieldManager?: string | undefined;
  dryRun?: boolean | undefined;
  subresource?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface PatchOptions extends Target, WriteOptions {
  type: "apply" | "merge" | "json";
  body: unknown;
  force?: boolean | undefined;
}

export interface DeleteOptions extends Target {
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
  propagationPolicy?: "Foreground" | "Background" | "Orphan" | undefined;
  gracePeriodSeconds?: number | undefined;
  dryRun?: boolean | undefined;
}

export interface RawOptions {
  query?: Query | undefined;
  body?: unknown;
  contentType?: string | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** The Kubernetes API. Every method throws ApiError on a failure answer and ConnectionError on none. */
export interface Client {
  get<T extends MetaObject = KubeObject>(resource: Resource, target: Target): Promise<T>;
  list<T extends MetaObject = KubeObject>(resource: Resource, options?: ListOptions): Promise<List<T>>;
  create<T extends MetaObject = KubeObject>(
    resource: Resource,
    object: T,
    options?: WriteOptions,
  ): Promise<T>;
  /** PUT: fails with a Conflict when the object's resourceVersion is not the current one. */
  replace<T extends MetaObject = KubeObject>(
    resource: Resource,
    object: T,
    options?: WriteOptions,
  ): Promise<T>;
  patch<T extends MetaObject = KubeObject>(resource: Resource, options: PatchOptions): Promise<T>;
  /** Server-side apply; `force` (default true) takes over fields that another manager owns. */
  apply<T extends MetaObject = KubeObject>(
    resource: Resource,
    object: T,
    options: WriteOptions & { fieldManager: string; force?: boolean | undefined },
  ): Promise<T>;
  delete(resource: Resource, options: DeleteOptions): Promise<void>;
  /** One watch, until the server ends it or the signal aborts; an ERROR event is thrown as ApiError. */
  watch<T extends MetaObject = KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** Any request. The body of the answer is parsed when it is JSON, else the text. Failures throw as elsewhere. */
  request(method: string, path: string, options?: RawOptions): Promise<{ status: number; body: unknown }>;
  close(): void;
}
