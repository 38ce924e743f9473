import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import {
  type CompiledJson,
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  keyOf,
  serviceObject,
  view,
  workloadObject,
} from "../testdata.ts";
import { decodeMeta, decodeObject, objectName } from "./decode.ts";
import { encodeObject } from "./encode.ts";
import { parseKeeping } from "./raw-json.ts";

const decode = (object: unknown, kind: "ServiceConfig" | "WorkloadConfig") =>
  decodeObject(object, decodeMeta(object, kind));

/** A change at a path of an otherwise good object. */
function changed(object: CompiledJson, path: string, value: unknown): CompiledJson {
  const copy = structuredClone(object) as unknown as Record<string, unknown>;
  const steps = path.split(".");
  let at = copy;
  for (const step of steps.slice(0, -1)) at = at[step] as Record<string, unknown>;
  at[steps.at(-1) ?? ""] = value;
  return copy as unknown as CompiledJson;
}

const good = [
  indexObject("shop", [entry("shop", "pay", { addresses: ["198.19.0.1"] })]),
  serviceObject("shop", "pay", {
    common: view({
      http: [
        {
          ...forward(destination("shop", "pay")),
          timeoutMs: 100,
          rewrite: { uri: "/" },
          retries: {
            attempts: 1,
            retryOn: ["5xx"],
            retriableStatusCodes: [],
            backoffMs: 25,
            retryRemoteLocalities: false,
            ignorePreviousHosts: true,
          },
        },
      ],
    }),
    variants: [{ namespaces: ["bank"], view: view() }],
  }),
  endpointsObject("shop", "pay", [
    endpoint("10.0.0.1", { identity: "spiffe://a", labels: { version: "v1" } }),
  ]),
  workloadObject("shop", "pay", {
    authorization: [
      {
        name: "a",
        namespace: "shop",
        action: "DENY",
        rules: [{ from: [{ principals: ["x"] }], to: [], when: [] }],
      },
    ],
  }),
] as const;
const [, service, endpoints, workload] = good;

describe("a compiled object", () => {
  it.each(good.map((object) => [object.metadata.name, object] as const))(
    "%s is decoded, and comes back the same from its saved form",
    (_, object) => {
      const decoded = decode(object, object.kind);
      expect(decoded?.hash).toBe((object.status as { hash: string }).hash);
      if (decoded === undefined) return;
      const line = encodeObject(decoded);
      expect(line).not.toContain("\n");
      const again = decode(parseKeeping(Buffer.from(line), ["status", "index", "services"]), object.kind);
      expect(again).toEqual({ ...decoded, meta: { ...decoded.meta, resourceVersion: "" } });
      expect(again && encodeObject(again)).toBe(line);
    },
  );

  it("has its name, key and version", () => {
    const meta = decodeMeta(changed(service, "metadata.resourceVersion", "7"), "ServiceConfig");
    expect(meta).toEqual({
      kind: "ServiceConfig",
      namespace: "shop",
      name: "pay.service.default",
      key: keyOf("shop", "pay"),
      resourceVersion: "7",
    });
    expect(objectName(meta)).toBe("ServiceConfig/shop/pay.service.default");
  });

  it("without a status is not there yet", () => {
    expect(decode(changed(service, "status", undefined), "ServiceConfig")).toBeUndefined();
    expect(decode(changed(service, "status", {}), "ServiceConfig")).toBeUndefined();
  });

  it("may have fields that are not known, and lists left out", () => {
    const decoded = decode(
      changed(changed(service, "status.service.common.future", 1), "status.service.common.tcp", undefined),
      "ServiceConfig",
    );
    expect(decoded?.part).toMatchObject({ kind: "service", service: { common: { tcp: [] } } });
    expect(JSON.stringify(decoded)).not.toContain("future");
  });

  it.each<[CompiledJson, string, unknown, string]>([
    [
      service,
      "status.service.common.http.0.timeoutMs",
      "1s",
      'status.service.common.http[0].timeoutMs: expected a number from 0 to 9007199254740991, found "1s"',
    ],
    [
      service,
      "status.service.common.http.0.action.kind",
      "drop",
      'status.service.common.http[0].action: expected a kind out of forward, redirect, directResponse, found "drop"',
    ],
    [
      service,
      "status.service.common.clusters.0.loadBalancer.simple",
      "BEST",
      'status.service.common.clusters[0].loadBalancer.simple: expected one of ROUND_ROBIN, LEAST_REQUEST, RANDOM, PASSTHROUGH, found "BEST"',
    ],
    [service, "status.service.key", undefined, "status.service.key: expected a string, found nothing"],
    [
      endpoints,
      "status.endpoints.endpoints.0.ports.0.target",
      70_000,
      "status.endpoints.endpoints[0].ports[0].target: expected a port from 1 to 65535, found 70000",
    ],
    [
      endpoints,
      "status.endpoints.endpoints.0.labels.version",
      1,
      "status.endpoints.endpoints[0].labels.version: expected a string, found 1",
    ],
    [
      endpoints,
      "status.endpoints",
      undefined,
      "status: expected one of index, service, endpoints, found none",
    ],
    [
      workload,
      "status.mtls",
      "MAYBE",
      'status.mtls: expected one of STRICT, PERMISSIVE, DISABLE, found "MAYBE"',
    ],
    [
      workload,
      "status.authorization.0.rules.0.from.0.futures",
      ["x"],
      'status.authorization[0].rules[0].from[0].futures: expected no such field, found ["x"]',
    ],
    [workload, "status.ports", {}, "status.ports: expected a list of at most 50000, found {}"],
    [workload, "status.hash", 5, "status.hash: expected a string, found 5"],
  ])("that is malformed is refused by its place: %#", (object, path, value, expected) => {
    const act = () => decode(changed(object, path, value), object.kind);
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(`${object.kind}/shop/${object.metadata.name}: ${expected}`);
  });

  it("is refused with a ConfigError or decoded, whatever it is", () => {
    const attempt = (value: unknown, kind: "ServiceConfig" | "WorkloadConfig") => {
      try {
        decode(value, kind);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    };
    fc.assert(fc.property(fc.jsonValue(), (value) => attempt(value, "ServiceConfig")));
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.jsonValue(), (object, status) =>
        attempt({ ...object, status }, object.kind),
      ),
    );
    const paths = good.flatMap((object) =>
      leaves(object.status).map((path) => [object, `status.${path}`] as const),
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 1 }), ([object, path], value) =>
        attempt(changed(object, path, value), object.kind),
      ),
      { numRuns: 500 },
    );
  });
});

function leaves(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, each]) =>
    leaves(each, path === "" ? key : `${path}.${key}`),
  );
  return path === "" ? inner : [path, ...inner];
}
