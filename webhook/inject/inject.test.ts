import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isObject } from "../json.ts";
import { decodePatch, patched, podReview, testSettings } from "./fixtures.ts";
import { handleInject } from "./handle.ts";

type Json = Record<string, unknown>;

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
/**
 * Any JSON value as a text of JSON gives it (no -0), save for members named `__proto__`: the library that applies our patches here
 * loses them, an API server does not.
 */
const anything = (maxDepth: number) =>
  fc
    .json({ maxDepth })
    .filter((text) => !text.includes('"__proto__"'))
    .map((text): unknown => JSON.parse(text));
/** Fields that nobody here knows, of any JSON value. */
const unknownFields = fc.dictionary(
  word.map((name) => `future-${name}`),
  anything(2),
  { maxKeys: 3 },
);
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom("http", "missing", "8080"));
const probe = fc.tuple(
  fc.oneof(
    port.map((value) => ({ httpGet: { path: "/$(X)", port: value } })),
    port.map((value) => ({ tcpSocket: { port: value } })),
    fc.constant({ grpc: { port: 9000 } }),
    fc.constant({ exec: { command: ["true"] } }),
  ),
  fc.record({ timeoutSeconds: fc.integer({ min: 1, max: 60 }) }, { requiredKeys: [] }),
  unknownFields,
);
const container = fc
  .record(
    {
      image: fc.constantFrom("app:1", "app:2"),
      ports: fc.constant([{ name: "http", containerPort: 8080 }]),
      livenessProbe: probe.map((parts) => Object.assign({}, ...parts)),
      readinessProbe: probe.map((parts) => Object.assign({}, ...parts)),
      unknown: unknownFields,
    },
    { requiredKeys: ["image"] },
  )
  .map(({ unknown, ...known }) => ({ ...known, ...unknown }));
const named = (prefix: string, max: number) =>
  fc
    .array(container, { minLength: prefix === "app" ? 1 : 0, maxLength: max })
    .map((list) => list.map((one, index) => ({ name: `${prefix}-${index}`, ...one })));
const volumes = fc
  .array(fc.constant({ emptyDir: {} }), { maxLength: 3 })
  .map((list) => list.map((one, index) => ({ name: `volume-${index}`, ...one })));
const texts = fc.dictionary(fc.stringMatching(/^[a-z~/.]{1,12}$/), fc.string(), { maxKeys: 4 });
const pod = fc.record({
  metadata: fc.record(
    { name: word, labels: fc.option(texts), annotations: fc.option(texts), "future-meta": anything(3) },
    { requiredKeys: ["name"] },
  ),
  spec: fc
    .record(
      {
        containers: named("app", 4),
        initContainers: fc.option(named("init", 3)),
        volumes: fc.option(volumes),
        imagePullSecrets: fc.constant([{ name: "registry" }]),
        unknown: unknownFields,
      },
      { requiredKeys: ["containers"] },
    )
    .map(({ unknown, ...known }) => ({ ...known, ...unknown })),
});
const settings = fc
  .record({
    clusterSupportsNativeSidecar: fc.boolean(),
    rewriteProbes: fc.boolean(),
    imagePullSecrets: fc.constantFrom([], ["registry"], ["other"]),
  })
  .map(testSettings);

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

const own = new Set(["istio-init", "istio-proxy"]);
const probes = new Set(["livenessProbe", "readinessProbe"]);

function withoutProbes(containers: unknown): Json[] {
  return list(containers)
    .filter(({ name }) => !own.has(String(name)))
    .map((one) => Object.fromEntries(Object.entries(one).filter(([member]) => !probes.has(member))));
}

describe("any pod, injected", () => {
  const injected = (object: unknown, with_: ReturnType<typeof testSettings>) => {
    const { response } = handleInject(podReview(object), with_);
    expect(response).toMatchObject({ allowed: true, patchType: "JSONPatch" });
    return {
      operations: decodePatch(response?.patch),
      result: patched(object as { spec: Json; metadata: Json }, decodePatch(response?.patch)),
    };
  };

  test("has exactly one sidecar and one init step, in order", () => {
    fc.assert(
      fc.property(pod, settings, (object, with_) => {
        const { spec } = injected(object, with_).result;
        const inits = list(spec.initContainers).map(({ name }) => name);
        const containers = list(spec.containers).map(({ name }) => name);
        if (with_.clusterSupportsNativeSidecar) {
          expect(inits.slice(0, 2)).toEqual(["istio-init", "istio-proxy"]);
          expect(containers).not.toContain("istio-proxy");
        } else {
          expect(containers[0]).toBe("istio-proxy");
          expect(inits.at(-1)).toBe("istio-init");
        }
        const names = [...inits, ...containers];
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });

  test("is not injected a second time", () => {
    fc.assert(
      fc.property(pod, settings, (object, with_) => {
        const again = handleInject(podReview(injected(object, with_).result), with_).response;
        expect(again).toMatchObject({
          allowed: true,
          auditAnnotations: { injection: "skipped: already injected" },
        });
        expect(again?.patch).toBeUndefined();
      }),
    );
  });

  test("keeps everything it had, known or not, save the probes' handlers", () => {
    fc.assert(
      fc.property(pod, settings, (object, with_) => {
        const { result } = injected(object, with_);
        const {
          containers,
          initContainers,
          volumes: before,
          imagePullSecrets,
          ...rest
        } = object.spec as Json;
        expect(result.spec).toMatchObject(rest);
        expect(withoutProbes(result.spec.containers)).toEqual(withoutProbes(containers));
        expect(withoutProbes(result.spec.initContainers)).toEqual(withoutProbes(initContainers));
        expect(list(result.spec.imagePullSecrets)).toEqual(expect.arrayContaining(list(imagePullSecrets)));
        expect(list(result.spec.volumes).slice(0, list(before).length)).toEqual(list(before));
        const { labels, annotations, ...metadata } = object.metadata as Json;
        expect(result.metadata).toMatchObject(metadata);
        expect(result.metadata.labels).toMatchObject(labels ?? {});
        expect(result.metadata.annotations).toMatchObject(annotations ?? {});
      }),
    );
  });

  test("has probes that differ in their handler alone, and the sidecar knows the old one", () => {
    fc.assert(
      fc.property(pod, (object) => {
        const { result } = injected(object, testSettings());
        const proxy = list(result.spec.initContainers)[1];
        const told = list(proxy?.env).find(({ name }) => name === "WEFT_APP_PROBES")?.value;
        const known = JSON.parse(String(told).replaceAll("$$", "$")) as Json;
        for (const [index, after] of list(result.spec.containers).entries()) {
          const before = list(object.spec.containers)[index] ?? {};
          for (const [member, path] of [
            ["livenessProbe", "livez"],
            ["readinessProbe", "readyz"],
          ] as const) {
            const [was, is] = [before[member], after[member]];
            if (!isObject(was) || !isObject(is) || !isObject(is.httpGet) || is.httpGet.port !== 15_020) {
              expect(is).toEqual(was);
              continue;
            }
            const { httpGet: _a, tcpSocket: _b, grpc: _c, ...timing } = was as Json;
            expect(is).toEqual({ ...timing, httpGet: is.httpGet });
            expect(known).toHaveProperty([`/app-health/${String(after.name)}/${path}`]);
          }
        }
      }),
    );
  });

  test("comes from a patch of add, replace and test alone, the same each time", () => {
    fc.assert(
      fc.property(pod, settings, (object, with_) => {
        const { operations } = injected(object, with_);
        const ops = new Set(operations.map((operation) => (isObject(operation) ? operation.op : undefined)));
        for (const op of ops) expect(["add", "replace", "test"]).toContain(op);
        expect(injected(structuredClone(object), with_).operations).toEqual(operations);
        const whole = operations.filter(
          (one) => isObject(one) && one.op === "replace" && /^\/spec\/\w+$/.test(String(one.path)),
        );
        expect(whole).toEqual([]);
      }),
    );
  });
});

test("a patch laid on another pod fails instead of editing it", () => {
  const { response } = handleInject(
    podReview({ metadata: {}, spec: { containers: [{ name: "a" }, { name: "b" }] } }),
    testSettings(),
  );
  const other = { metadata: {}, spec: { containers: [{ name: "b" }, { name: "a" }] } };
  expect(() => patched(other, decodePatch(response?.patch))).toThrow("the patch does not apply");
});

test.each([
  ["an update", { operation: "UPDATE" }],
  ["a subresource", { subResource: "exec" }],
  ["another resource", { resource: { group: "", version: "v1", resource: "services" } }],
])("%s is admitted without a look", (_what, request) => {
  const review = podReview({ nonsense: true });
  Object.assign(review.request as Json, request);
  expect(handleInject(review, testSettings()).response).toMatchObject({ allowed: true });
});

test.each([
  ["no spec", { metadata: {} }, "spec is missing; expected a PodSpec"],
  ["no metadata", { spec: {} }, "metadata is missing; expected ObjectMeta"],
  ["no containers", { metadata: {}, spec: {} }, "spec.containers is empty; expected at least one container"],
  [
    "containers that are no list",
    { metadata: {}, spec: { containers: {} } },
    "spec.containers is not a list",
  ],
  [
    "a container that is none",
    { metadata: {}, spec: { containers: [5] } },
    "spec.containers[0] is not an object",
  ],
  [
    "too many volumes",
    { metadata: {}, spec: { containers: [{ name: "a" }], volumes: Array(1_001).fill({}) } },
    "spec.volumes has 1001 items; at most 1000 are read",
  ],
])("a pod with %s is refused with the reason", (_what, object, problem) => {
  expect(handleInject(podReview(object), testSettings()).response?.status).toEqual({
    code: 400,
    reason: "BadRequest",
    message: `cannot read the pod: ${problem}`,
  });
});
