import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyManifest } from "./arbitrary.fake.ts";
import { change, keyOfManifest, type Manifest, pod, service, slice, snapshotOf } from "./cluster.fake.ts";
import { type Affected, type Compiler, compile, createCompiler } from "./compile.ts";
import type { CompiledObject } from "./compiled.ts";
import { defaultSettings } from "./inputs.ts";

const identity = ({ kind, namespace, name }: CompiledObject) => `${kind} ${namespace}/${name}`;

/** One service with endpoints to begin with, so that rules seldom have nothing to rule. */
const base: readonly Manifest[] = [
  service("x", { namespace: "a", spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] } }),
  slice("x", [{ address: "10.0.0.1", pod: "p1", node: "n1" }], { namespace: "a", name: "s1" }),
  pod("p1", {
    namespace: "a",
    labels: { app: "x", version: "v1", "istio-locality": "r.z" },
    workload: "Deployment/d",
    ip: "10.0.0.1",
  }),
];
const manifests = fc.array(anyManifest, { maxLength: 25 }).map((all) => [...base, ...all]);

/** What a publisher does: of each affected key, what it compiles to takes the place of what was there. */
class Published {
  readonly #byKey = new Map<string, CompiledObject[]>();

  update(compiler: Compiler, affected: Affected): void {
    for (const key of affected.services) this.#put(`service ${key}`, compiler.compileService(key));
    for (const key of affected.indexes) this.#put(`index ${key}`, [compiler.compileIndex(key)]);
    for (const key of affected.workloads) this.#put(`workload ${key}`, [compiler.compileWorkload(key)]);
  }

  #put(key: string, objects: readonly (CompiledObject | undefined)[]): void {
    this.#byKey.set(
      key,
      objects.filter((object) => object !== undefined),
    );
  }

  hashes(): Map<string, string> {
    return hashesOf([...this.#byKey.values()].flat());
  }
}

function hashesOf(objects: readonly CompiledObject[]): Map<string, string> {
  const entries = objects.map((object) => [identity(object), object.status.hash] as const);
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("compiling", () => {
  it("does not depend on the order in which objects came", () => {
    fc.assert(
      fc.property(manifests, fc.infiniteStream(fc.nat()), (all, random) => {
        const unique = [...new Map(all.map((one) => [`${one.kind} ${keyOfManifest(one)}`, one])).values()];
        const shuffled = unique
          .map((manifest) => ({ manifest, at: random.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ manifest }) => manifest);
        expect(compile(snapshotOf(shuffled), defaultSettings)).toEqual(
          compile(snapshotOf(unique), defaultSettings),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("of what a change affects leaves the same as compiling everything", () => {
    const step = fc.record({
      manifest: anyManifest,
      how: fc.constantFrom("apply" as const, "apply" as const, "delete" as const),
    });
    fc.assert(
      fc.property(manifests, fc.array(step, { minLength: 1, maxLength: 8 }), (initial, steps) => {
        const objects = new Map<string, Manifest>();
        const keyOf = (manifest: Manifest) => `${manifest.kind} ${keyOfManifest(manifest)}`;
        for (const manifest of initial) objects.set(keyOf(manifest), manifest);
        const compiler = createCompiler(defaultSettings);
        compiler.load(snapshotOf([...objects.values()]));
        const published = new Published();
        published.update(compiler, compiler.keys());
        for (const { manifest, how } of steps) {
          if (how === "apply") objects.set(keyOf(manifest), manifest);
          else objects.delete(keyOf(manifest));
          published.update(compiler, compiler.affected(change(manifest, how)));
          const fresh = compile(snapshotOf([...objects.values()]), defaultSettings);
          expect(published.hashes()).toEqual(hashesOf(fresh));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("writes no name twice", () => {
    fc.assert(
      fc.property(manifests, (all) => {
        const names = compile(snapshotOf(all), defaultSettings).map(identity);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 100 },
    );
  });
});

describe("one endpoint of many", () => {
  it("changes one part of its service's", () => {
    const count = 250;
    const endpoints = (ready: (i: number) => boolean) =>
      slice(
        "big",
        Array.from({ length: count }, (_, i) => ({
          address: `10.1.${i >> 8}.${i & 255}`,
          conditions: { ready: ready(i), serving: true, terminating: !ready(i) },
        })),
      );
    const compiler = createCompiler(defaultSettings);
    compiler.load(snapshotOf([service("big"), endpoints(() => true)]));
    const before = compiler.compileService("default/big");
    fc.assert(
      fc.property(fc.nat(count - 1), (draining) => {
        const affected = compiler.affected(change(endpoints((i) => i !== draining)));
        expect(affected).toEqual({ services: ["default/big"], workloads: [], indexes: [] });
        const after = compiler.compileService("default/big");
        const changed = after.filter((object, i) => object.status.hash !== before[i]?.status.hash);
        expect(changed).toHaveLength(1);
        expect(changed[0]?.status.endpoints?.endpoints.length).toBeLessThanOrEqual(100);
      }),
      { numRuns: 50 },
    );
  });
});
