import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ApiError,
  type Change,
  type Client,
  createClient,
  createElection,
  createInformer,
  createRecorder,
  createReflector,
  type Informer,
  isAlreadyExists,
  isConflict,
  isGone,
  isInvalid,
  isNotFound,
  type KubeObject,
  loadConfig,
  resources,
  silentLog,
  systemClock,
} from "../../kube/index.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";

const { configMaps, namespaces, leases, events } = resources;

let server: ApiServer;
let client: Client;
let sequence = 0;

beforeAll(async () => {
  server = await startApiServer();
  client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), { userAgent: "weft-test/1" });
});
afterAll(async () => {
  client?.close();
  await server?.close();
});

async function freshNamespace(): Promise<string> {
  const name = `kube-${++sequence}`;
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return name;
}
const configMap = (namespace: string, name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});
function informerOf(namespace: string): { informer: Informer<KubeObject>; changes: Change<KubeObject>[] } {
  const informer = createInformer({
    client,
    resource: configMaps,
    namespace,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
  });
  const changes: Change<KubeObject>[] = [];
  informer.onChange((change) => changes.push(change));
  return { informer, changes };
}
async function until(what: string, check: () => boolean, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(5);
  }
}
const summary = (changes: readonly Change<KubeObject>[]) =>
  changes.map((change) => `${change.type} ${change.object.metadata.name}`);

describe("the client", () => {
  it("creates, reads, replaces, patches and deletes, and tells failures apart", async () => {
    const namespace = await freshNamespace();
    const created = await client.create(configMaps, configMap(namespace, "a", { k: "1" }));
    expect(created.metadata.uid).toBeTypeOf("string");
    const stale = structuredClone(created);
    await client.replace(configMaps, { ...created, data: { k: "2" } });
    const merged = await client.patch(configMaps, {
      namespace,
      name: "a",
      type: "merge",
      body: { data: { more: "3" } },
    });
    expect(merged.data).toEqual({ k: "2", more: "3" });

    const failure = (promise: Promise<unknown>) =>
      promise.then(() => undefined).catch((error: unknown) => error);
    expect(isConflict(await failure(client.replace(configMaps, stale)))).toBe(true);
    expect(isAlreadyExists(await failure(client.create(configMaps, configMap(namespace, "a"))))).toBe(true);
    expect(isNotFound(await failure(client.get(configMaps, { namespace, name: "none" })))).toBe(true);
    expect(isInvalid(await failure(client.create(configMaps, configMap(namespace, "UPPER"))))).toBe(true);

    await client.delete(configMaps, { namespace, name: "a" });
    expect((await client.list(configMaps, { namespace })).items).toEqual([]);
  });

  it("applies server-side, idempotently, taking over fields by force", async () => {
    const namespace = await freshNamespace();
    const desired = configMap(namespace, "applied", { owner: "weft" });
    const first = await client.apply(configMaps, desired, { fieldManager: "weft-test" });
    const second = await client.apply(configMaps, desired, { fieldManager: "weft-test" });
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await client.patch(configMaps, {
      namespace,
      name: "applied",
      type: "merge",
      body: { data: { owner: "them" } },
      fieldManager: "kubectl-edit",
    });
    const rejected = client.apply(configMaps, desired, { fieldManager: "weft-test", force: false });
    await expect(rejected).rejects.toSatisfy(isConflict);
    expect((await client.apply(configMaps, desired, { fieldManager: "weft-test" })).data).toEqual({
      owner: "weft",
    });
    const dry = await client.apply(configMaps, configMap(namespace, "applied", { owner: "dry" }), {
      fieldManager: "weft-test",
      dryRun: true,
    });
    expect(dry.data).toEqual({ owner: "dry" });
    expect((await client.get(configMaps, { namespace, name: "applied" })).data).toEqual({ owner: "weft" });
  });

  it("reviews tokens and reads the signing keys through raw requests", async () => {
    const namespace = await freshNamespace();
    await client.create(resources.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "app", namespace },
    });
    const issued = (await client.request(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts/app/token`,
      {
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { audiences: ["istio-ca"], expirationSeconds: 600 },
        },
      },
    )) as { status: number; body: { status: { token: string } } };
    expect(issued.status).toBe(201);
    const review = (token: string) =>
      client.create<KubeObject>(resources.tokenReviews, {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        metadata: { name: "" },
        spec: { token, audiences: ["istio-ca"] },
      });
    expect((await review(issued.body.status.token)).status).toMatchObject({
      authenticated: true,
      user: { username: `system:serviceaccount:${namespace}:app` },
      audiences: ["istio-ca"],
    });
    expect((await review("nonsense")).status).not.toMatchObject({ authenticated: true });
    const jwks = await client.request("GET", "/openid/v1/jwks");
    expect(jwks.body).toHaveProperty("keys");
  });

  it("takes a kept-alive connection closed by a restart for what it is", async () => {
    await client.request("GET", "/version");
    await server.stop();
    await expect(client.request("GET", "/version")).rejects.toMatchObject({ name: "ConnectionError" });
    await server.start();
    expect((await client.request("GET", "/version")).status).toBe(200);
  });
});

describe("the informer", () => {
  it("lists, follows, and strips managedFields", async () => {
    const namespace = await freshNamespace();
    await client.create(configMaps, configMap(namespace, "before"));
    const { informer, changes } = informerOf(namespace);
    await informer.start(new AbortController().signal);
    expect(informer.hasSynced()).toBe(true);
    expect(informer.store.get(`${namespace}/before`)?.metadata.managedFields).toBeUndefined();
    await client.create(configMaps, configMap(namespace, "after"));
    await client.patch(configMaps, { namespace, name: "after", type: "merge", body: { data: { x: "1" } } });
    await client.delete(configMaps, { namespace, name: "before" });
    await until("the deletion arrives", () => changes.length === 4);
    expect(summary(changes)).toEqual(["add before", "add after", "update after", "delete before"]);
    await informer.close();
  });

  it("falls back to pages where lists are not streamed", async () => {
    const namespace = await freshNamespace();
    for (const name of ["a", "b", "c"]) await client.create(configMaps, configMap(namespace, name));
    const pages: (string | undefined)[] = [];
    const counting: Client = {
      ...client,
      list: (resource, options) => {
        pages.push(options?.continue);
        return client.list(resource, { ...options, limit: 2 });
      },
      async *watch(resource, options, signal) {
        if (options.sendInitialEvents === true) {
          // What a server says whose WatchList feature is off.
          throw new ApiError("WATCH", 422, { reason: "Invalid", message: "sendInitialEvents is forbidden" });
        }
        yield* client.watch(resource, options, signal) as AsyncIterable<never>;
      },
    };
    const informer = createInformer({
      client: counting,
      resource: configMaps,
      namespace,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    await informer.start(new AbortController().signal);
    expect(informer.store.size).toBe(3);
    expect(pages.length).toBe(2);
    await client.create(configMaps, configMap(namespace, "d"));
    await until("the watch goes on after the list", () => informer.store.size === 4);
    await informer.close();
  });

  it("loses and repeats nothing when the API server restarts mid-watch, and is back within two seconds", async () => {
    const namespace = await freshNamespace();
    const { informer, changes } = informerOf(namespace);
    await informer.start(new AbortController().signal);
    for (const name of ["a", "b", "c"]) await client.create(configMaps, configMap(namespace, name));
    await until("three adds", () => changes.length === 3);
    await server.stop();
    await sleep(1500);
    await server.start();
    const back = Date.now();
    await client.create(configMaps, configMap(namespace, "d"));
    await client.delete(configMaps, { namespace, name: "a" });
    await until("what happened since arrives", () => changes.length >= 5);
    expect(Date.now() - back).toBeLessThan(2500);
    await sleep(200);
    expect(summary(changes).sort()).toEqual(["add a", "add b", "add c", "add d", "delete a"]);
    await informer.close();
  });

  it("relists an expired resourceVersion, telling only what really changed", async () => {
    const namespace = await freshNamespace();
    for (const name of ["stays", "goes", "changes"])
      await client.create(configMaps, configMap(namespace, name));
    let expire = false;
    let sawGone = false;
    let cut = new AbortController();
    const aging: Client = {
      ...client,
      async *watch(resource, options, signal) {
        const first = expire && options.resourceVersion !== undefined;
        if (first) expire = false;
        try {
          yield* client.watch(
            resource,
            first ? { ...options, resourceVersion: "1" } : options,
            AbortSignal.any([signal, cut.signal]),
          ) as AsyncIterable<never>;
        } catch (error) {
          if (isGone(error)) sawGone = true;
          throw error;
        }
      },
    };
    const informer = createInformer({
      client: aging,
      resource: configMaps,
      namespace,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    const changes: Change<KubeObject>[] = [];
    await informer.start(new AbortController().signal);
    informer.onChange((change) => changes.push(change));
    expire = true;
    const gap = cut;
    cut = new AbortController();
    gap.abort();
    await client.delete(configMaps, { namespace, name: "goes" });
    await client.patch(configMaps, { namespace, name: "changes", type: "merge", body: { data: { x: "1" } } });
    await until("both changes", () => changes.length >= 2);
    await sleep(300);
    expect(sawGone).toBe(true);
    expect(summary(changes).sort()).toEqual(["delete goes", "update changes"]);
    await informer.close();
  });

  it("gets bookmarks, with which a quiet watch stays resumable", async () => {
    const namespace = await freshNamespace();
    const stop = new AbortController();
    const seen: string[] = [];
    const counting: Client = {
      ...client,
      async *watch(resource, options, signal) {
        for await (const event of client.watch(resource, options, signal)) {
          seen.push(
            `${event.type} ${event.object.metadata.annotations?.["k8s.io/initial-events-end"] ?? ""}`.trim(),
          );
          yield event as never;
        }
      },
    };
    const reflector = createReflector({
      client: counting,
      resource: configMaps,
      namespace,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    let replaced = 0;
    const running = reflector.run({ replace: () => replaced++, upsert() {}, remove() {} }, stop.signal);
    await until("the initial list ends", () => replaced === 1);
    expect(seen).toEqual(["BOOKMARK true"]);
    stop.abort();
    await running;
  });
});

describe("the election", () => {
  it("has one leader of two, and the other follows within a retry when it stops", async () => {
    const namespace = await freshNamespace();
    const log: string[] = [];
    const candidate = (identity: string) => {
      const stop = new AbortController();
      const election = createElection({
        client,
        namespace,
        name: "leader",
        identity,
        leaseDurationMs: 3000,
        renewDeadlineMs: 2000,
        retryPeriodMs: 300,
        clock: systemClock,
        onStarted: (signal) => {
          log.push(`${identity} starts`);
          signal.addEventListener("abort", () => log.push(`${identity} fenced`));
        },
        onStopped: () => log.push(`${identity} stops`),
      });
      return { election, stop: () => stop.abort(), done: election.run(stop.signal) };
    };
    const a = candidate("a");
    await until("a leads", () => a.election.isLeader());
    const b = candidate("b");
    await sleep(1000);
    expect(b.election.isLeader()).toBe(false);
    expect(b.election.leader()).toBe("a");
    a.stop();
    await a.done;
    const released = Date.now();
    await until("b leads", () => b.election.isLeader());
    expect(Date.now() - released).toBeLessThan(1500);
    expect(log).toEqual(["a starts", "a fenced", "a stops", "b starts"]);
    b.stop();
    await b.done;
    const lease = await client.get(leases, { namespace, name: "leader" });
    expect(lease.spec).toMatchObject({ holderIdentity: "", leaseTransitions: 1 });
  });
});

describe("the recorder", () => {
  it("writes an event once and counts its repetitions in a series", async () => {
    const namespace = await freshNamespace();
    const regarding = await client.create(configMaps, configMap(namespace, "subject"));
    const recorder = createRecorder({ client, component: "weft.dev/test" });
    const input = {
      regarding,
      type: "Normal",
      reason: "Tested",
      message: "It was tested",
      action: "Test",
    } as const;
    for (let n = 0; n < 3; n++) recorder.event(input);
    await recorder.flush();
    const found = await client.list(events, { namespace });
    expect(found.items).toHaveLength(1);
    expect(found.items[0]).toMatchObject({
      reason: "Tested",
      note: "It was tested",
      reportingController: "weft.dev/test",
      regarding: { kind: "ConfigMap", name: "subject", namespace },
      series: { count: 2 },
    });
  });
});
