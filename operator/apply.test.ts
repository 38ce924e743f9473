import { beforeEach, describe, expect, it } from "vitest";
import {
  ApiError,
  type Client,
  type KubeObject,
  keyOf,
  type Resource,
  resources,
  silentLog,
} from "../kube/index.ts";
import { createApplier } from "./apply.ts";
import { stamped } from "./operands/operand.ts";

const labels = { "app.kubernetes.io/managed-by": "weft-operator" };
const owners = { uid: "u", others: new Set<string>(), wasComplete: false };
const signal = new AbortController().signal;

let live: Map<string, KubeObject>;
let cache: Map<string, KubeObject>;
let calls: string[];
let refuseOnce: ApiError | undefined;
beforeEach(() => {
  [live, cache, calls, refuseOnce] = [new Map(), new Map(), [], undefined];
});

function applier() {
  let version = 0;
  const client = {
    async get(_resource: Resource, { namespace, name }: { namespace: string; name: string }) {
      calls.push("get");
      const found = live.get(`${namespace}/${name}`);
      if (found === undefined) throw new ApiError("GET", 404, { reason: "NotFound" });
      return found;
    },
    async apply(_resource: Resource, object: KubeObject) {
      calls.push("apply");
      if (refuseOnce !== undefined) {
        const error = refuseOnce;
        refuseOnce = undefined;
        throw error;
      }
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
      live.set(keyOf(object), stored);
      return stored;
    },
    async delete(_resource: Resource, { namespace, name }: { namespace: string; name: string }) {
      calls.push("delete");
      live.delete(`${namespace}/${name}`);
    },
  };
  return createApplier({
    client: client as unknown as Client,
    cached: (_resource, key) => cache.get(key),
    log: silentLog,
  });
}
const operand = (resource = resources.services, spec: object = { port: 1 }) => ({
  resource,
  object: stamped({
    apiVersion: "v1",
    kind: resource.kind,
    metadata: { name: "a", namespace: "n", labels },
    spec,
  }),
});

describe("applying an operand", () => {
  it("asks the API server nothing when the cache has it as wanted", async () => {
    cache.set("n/a", operand().object);
    expect(await applier().ensure(operand(), owners, signal)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it("looks before it writes: a cache that lags behind our own write is no drift", async () => {
    const { ensure } = applier();
    await ensure(operand(), owners, signal);
    calls.length = 0;
    expect(await ensure(operand(), owners, signal)).toBeUndefined();
    expect(calls).toEqual(["get"]);
  });

  it("counts what was deleted after it was there, in this process or before it", async () => {
    const { ensure, forget } = applier();
    expect(await ensure(operand(), owners, signal)).toBeUndefined();
    live.clear();
    expect(await ensure(operand(), owners, signal)).toEqual({
      kind: "Service",
      name: "n/a",
      difference: "deleted",
    });
    live.clear();
    forget("u");
    expect(await ensure(operand(), owners, signal)).toBeUndefined();
    live.clear();
    forget("u");
    expect(await ensure(operand(), { ...owners, wasComplete: true }, signal)).toMatchObject({
      difference: "deleted",
    });
  });

  it("counts what was changed, but not what we want otherwise now", async () => {
    const { ensure } = applier();
    await ensure(operand(), owners, signal);
    expect(await ensure(operand(resources.services, { port: 2 }), owners, signal)).toBeUndefined();
    const stored = live.get("n/a") as KubeObject;
    live.set("n/a", { ...stored, spec: { port: 9 } });
    expect(await ensure(operand(resources.services, { port: 2 }), owners, signal)).toMatchObject({
      difference: { path: "spec.port", found: 9, expected: 2 },
    });
  });

  it("replaces a binding whose role cannot be changed", async () => {
    refuseOnce = new ApiError("PATCH", 422, { reason: "Invalid", message: "roleRef: cannot change roleRef" });
    await applier().ensure(operand(resources.roleBindings), owners, signal);
    expect(calls).toEqual(["get", "apply", "delete", "apply"]);
  });

  it("does not delete anything else that cannot be changed", async () => {
    refuseOnce = new ApiError("PATCH", 422, { reason: "Invalid", message: "field is immutable" });
    await expect(applier().ensure(operand(), owners, signal)).rejects.toThrow(/immutable/);
    expect(calls).toEqual(["get", "apply"]);
  });

  it("refuses to touch what is another's, saying whose it is and what to do", async () => {
    live.set("n/a", {
      ...operand().object,
      metadata: { name: "a", namespace: "n", managedFields: [{ manager: "helm" }] },
    });
    await expect(applier().ensure(operand(), owners, signal)).rejects.toThrow(
      "Service n/a exists and belongs to helm; delete it, or choose another revision",
    );
    expect(calls).toEqual(["get"]);
  });
});
