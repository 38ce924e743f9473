import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { objectOf } from "./fixtures.ts";
import { validate, validatedKinds } from "./validate.ts";

const told = (object: unknown) => validate(object).errors.map(({ field, message }) => `${field}: ${message}`);

describe("an object as a whole", () => {
  test.each([
    [
      "nothing",
      undefined,
      [": Invalid value: nothing: must be an object with apiVersion, kind, metadata and spec"],
    ],
    ["a list", [], [": Invalid value: []: must be an object with apiVersion, kind, metadata and spec"]],
    ["an object of another group", { apiVersion: "apps/v1", kind: "Deployment", spec: 5 }, []],
    ["an object of the core group", { apiVersion: "v1", kind: "VirtualService" }, []],
    [
      "an unknown kind of ours",
      { apiVersion: "security.istio.io/v1", kind: "Peer" },
      [
        'kind: Invalid value: "Peer": unrecognized type; expected PeerAuthentication, AuthorizationPolicy, RequestAuthentication',
      ],
    ],
    [
      "a version that is not served",
      { apiVersion: "security.istio.io/v1alpha3", kind: "PeerAuthentication" },
      [
        'apiVersion: Invalid value: "security.istio.io/v1alpha3": must be security.istio.io/v1, security.istio.io/v1beta1',
      ],
    ],
    [
      "a member that no object has",
      { ...objectOf("PeerAuthentication", {}), selector: {} },
      ["selector: Forbidden: unknown field; an object has apiVersion, kind, metadata, spec and status"],
    ],
  ])("%s", (_what, object, says) => expect(told(object)).toEqual(says));

  test("a kind that is not checked is admitted, and that is told", () => {
    const object = { apiVersion: "networking.istio.io/v1", kind: "Gateway", spec: 5 };
    expect(validate(object)).toMatchObject({
      errors: [],
      warnings: ["Gateway is admitted without validation, and not honoured yet"],
    });
  });

  test("these kinds are checked in every version they are served in", () => {
    expect(validatedKinds).toEqual([
      "VirtualService",
      "DestinationRule",
      "PeerAuthentication",
      "AuthorizationPolicy",
      "ServiceEntry",
      "EnvoyFilter",
      "RequestAuthentication",
    ]);
    for (const version of ["v1", "v1beta1", "v1alpha3"]) {
      expect(
        told({ apiVersion: `networking.istio.io/${version}`, kind: "DestinationRule", spec: {} }),
      ).toHaveLength(1);
    }
  });

  test("the namespace given stands in for one that the object does not name", () => {
    const object = {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      spec: { host: "a", exportTo: [".", "blue"] },
    };
    expect(validate(object, "blue").errors).toHaveLength(1);
    expect(validate(object, "green").errors).toHaveLength(0);
  });

  test("at most a hundred errors are listed, and one that says that there are more", () => {
    const { errors } = validate(
      objectOf("VirtualService", { hosts: Array.from({ length: 500 }, () => "_") }),
    );
    expect(errors).toHaveLength(101);
    expect(errors[100]?.message).toBe("there are more errors than are listed");
  });
});

describe("the dry-run annotation", () => {
  const dry = (kind: string, value: unknown, spec: unknown = {}) =>
    told({ ...objectOf(kind, spec), metadata: { annotations: { "istio.io/dry-run": value } } });
  const field = "metadata.annotations[istio.io/dry-run]";

  test.each([
    ["AuthorizationPolicy", "true", {}, []],
    ["AuthorizationPolicy", "false", { action: "DENY", rules: [{}] }, []],
    ["AuthorizationPolicy", "maybe", {}, [`${field}: Invalid value: "maybe": must be "true" or "false"`]],
    [
      "AuthorizationPolicy",
      "true",
      { action: "AUDIT" },
      [`${field}: Forbidden: only an AuthorizationPolicy of action ALLOW or DENY can be a dry run`],
    ],
    [
      "PeerAuthentication",
      "true",
      {},
      [`${field}: Forbidden: only an AuthorizationPolicy of action ALLOW or DENY can be a dry run`],
    ],
  ])("on %s with %s and %j", (kind, value, spec, says) => expect(dry(kind, value, spec)).toEqual(says));
});

describe("the manifests that must work as they are", () => {
  const path = join(import.meta.dirname, "../../examples/overview.yaml");
  const documents = existsSync(path) ? parseAllDocuments(readFileSync(path, "utf8")) : [];

  test("there are fifteen", () => expect(documents).toHaveLength(15));

  test.each(documents.map((document, index) => [index, document.toJS() as Record<string, unknown>] as const))(
    "document %i has no error",
    (_index, object) => expect(told(object)).toEqual([]),
  );
});

describe("arbitrary input", () => {
  /** Names that the validators look for, so that arbitrary objects get past the first look. */
  const members = [
    ..."hosts gateways http tls tcp exportTo match route destination host subset port number weight headers request set add remove".split(
      " ",
    ),
    ..."uri exact prefix regex timeout retries attempts retryOn fault delay abort percentage value mirror mirrors rewrite redirect".split(
      " ",
    ),
    ..."directResponse status body string bytes corsPolicy allowOrigins delegate name namespace sniHosts sourceLabels withoutHeaders".split(
      " ",
    ),
    ..."trafficPolicy subsets labels loadBalancer simple consistentHash maglev tableSize localityLbSetting distribute from to failover".split(
      " ",
    ),
    ..."connectionPool outlierDetection portLevelSettings tunnel warmup selector matchLabels mtls mode portLevelMtls action rules".split(
      " ",
    ),
    ..."source operation when key values principals ipBlocks ports paths targetRefs provider workloadSelector".split(
      " ",
    ),
    ..."jwtRules issuer jwks jwksUri fromHeaders outputClaimToHeaders header claim configPatches applyTo patch context typed_config".split(
      " ",
    ),
    ..."__proto__ constructor toString".split(" "),
  ];
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 7, withCrossShrink: true },
      fc.oneof(
        fc.constantFrom("*", "a", "a.b", "-1s", "1s", "%", "{*}", "198.18.0.0/15", "(", "", "GET"),
        fc.string(),
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constant(undefined),
      ),
      fc.array(tie("json"), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...members), fc.string()), tie("json"), { maxKeys: 6 }),
    ),
  }));

  test.each(validatedKinds)("%s: never throws, and says only printable things", (kind) => {
    fc.assert(
      fc.property(json, (spec) => {
        const { errors, warnings } = validate(objectOf(kind, spec));
        for (const { field, message } of errors) {
          expect(field.length).toBeLessThan(1_000);
          expect(message).toMatch(/^(Invalid|Required|Unsupported|Duplicate) value: |^Forbidden: /);
        }
        for (const warning of warnings) expect(warning.length).toBeLessThanOrEqual(120);
      }),
      { numRuns: 300 },
    );
  });

  test("whatever the object is, validate answers", () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(Array.isArray(validate(anything).errors)).toBe(true);
      }),
    );
  });
});
