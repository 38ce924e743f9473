import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { allKinds, definitionName, userKinds } from "../../crds/index.ts";
import type { KubeObject } from "../../kube/index.ts";
import { resources } from "../../kube/index.ts";
import { everyField } from "./crds/full.ts";
import { refusals } from "./crds/refused/index.ts";
import { type Definitions, startWithDefinitions } from "./crds/setup.ts";

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const documents = (path: string) =>
  parseAllDocuments(file(path)).map((document) => document.toJS() as KubeObject);

let api: Definitions;
beforeAll(async () => {
  api = await startWithDefinitions();
});
afterAll(async () => {
  await api?.close();
});

const kindOf = (plural: string) => {
  const kind = allKinds.find((kind) => kind.plural === plural);
  if (kind === undefined) throw new Error(`found ${plural}; expected the plural of a kind`);
  return kind;
};
const objectOf = (plural: string, spec: unknown, version?: string): KubeObject => {
  const kind = kindOf(plural);
  return {
    apiVersion: `${kind.group}/${version ?? kind.versions[0]}`,
    kind: kind.kind,
    metadata: { name: "it" },
    spec,
  };
};

test.each(allKinds.map((kind) => definitionName(kind)))(
  "%s is established without a complaint",
  async (name) => {
    const found = await api.client.get(resources.customResourceDefinitions, { name });
    const status = found.status as { conditions: { type: string; status: string }[] };
    const states = Object.fromEntries(status.conditions.map(({ type, status }) => [type, status]));
    expect(states).toEqual({ NamesAccepted: "True", Established: "True" });
  },
);

describe("every field is kept", () => {
  const cases = Object.entries(everyField).flatMap(([plural, specs]) =>
    kindOf(plural).versions.flatMap((version) => specs.map((spec, i) => [plural, version, i, spec] as const)),
  );
  test.each(cases)("of %s in %s (%d)", async (plural, version, _, spec) => {
    const stored = await api.create(objectOf(plural, spec, version));
    expect(stored.spec).toEqual(spec);
  });

  test("and no field of the schemas is missing above", () => {
    for (const kind of userKinds) {
      const specs = Object.entries(everyField).find(([plural]) => plural === kind.plural)?.[1] ?? [];
      expect(missingFields(kind.spec.openapi, specs, "spec"), kind.kind).toEqual([]);
    }
  });
});

describe("the API server refuses", () => {
  test.each(refusals.map((refusal) => [refusal.plural, refusal.name, refusal] as const))(
    "%s: %s",
    async (_, __, { plural, spec, says }) => {
      await expect(api.create(objectOf(plural, spec))).rejects.toThrow(says);
    },
  );
});

describe("the API server takes", () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ["authorizationpolicies", "an empty spec", {}],
    ["authorizationpolicies", "no spec", undefined],
    ["peerauthentications", "no spec", undefined],
    ["requestauthentications", "no spec", undefined],
    ["envoyfilters", "no spec", undefined],
    ["virtualservices", "no spec", undefined],
    [
      "virtualservices",
      "a match that only asks for presence",
      { http: [{ match: [{ headers: { a: {} } }] }] },
    ],
    [
      "destinationrules",
      "an idle timeout of 0s",
      { host: "b", trafficPolicy: { connectionPool: { tcp: { idleTimeout: "0s" } } } },
    ],
  ];
  test.each(cases)("%s with %s", async (plural, _, spec) => {
    expect((await api.create(objectOf(plural, spec))).spec).toEqual(spec);
  });

  test("null for an optional field, as absent", async () => {
    const spec = { http: [{ match: [{ uri: { exact: "/" }, ignoreUriCase: null }], timeout: null }] };
    const stored = await api.create(objectOf("virtualservices", spec));
    expect(stored.spec).toEqual({ http: [{ match: [{ uri: { exact: "/" } }] }] });
  });
});

test("an object written in one version is the same in all others", async () => {
  const [spec] = everyField.virtualservices;
  const written = objectOf("virtualservices", spec, "v1alpha3");
  await api.create(written, { dryRun: false });
  for (const version of kindOf("virtualservices").versions) {
    const path = `/apis/networking.istio.io/${version}/namespaces/${api.namespace}/virtualservices/it`;
    const { body } = await api.client.request("GET", path);
    expect(body).toMatchObject({ apiVersion: `networking.istio.io/${version}`, spec });
  }
});

test("status is written apart from spec, and keeps fields that other controllers add", async () => {
  const policy = objectOf("peerauthentications", { mtls: { mode: "STRICT" } });
  await api.create({ ...policy, status: { observedGeneration: 9 } }, { dryRun: false });
  const resource = {
    group: "security.istio.io",
    version: "v1",
    plural: "peerauthentications",
    kind: "PeerAuthentication",
    namespaced: true,
  };
  const at = { namespace: api.namespace, name: "it" };
  expect(await api.client.get(resource, at)).not.toHaveProperty("status");

  const status = {
    conditions: [
      { type: "Reconciled", status: "True", observedGeneration: "1", lastProbeTime: "2026-01-02T03:04:05Z" },
    ],
    observedGeneration: "1",
    validationMessages: [
      { level: "WARNING", documentationUrl: "https://example.org", type: { code: "IST0101", name: "N" } },
    ],
    ours: { of: "another controller" },
  };
  await api.client.patch(resource, {
    ...at,
    type: "merge",
    subresource: "status",
    body: { status, spec: { mtls: { mode: "DISABLE" } } },
  });
  expect(await api.client.get(resource, at)).toMatchObject({ status, spec: { mtls: { mode: "STRICT" } } });
});

describe("examples/overview.yaml", () => {
  const all = documents("examples/overview.yaml");
  const ours = all.filter((object) => allKinds.some((kind) => kind.kind === object.kind));

  test("has no kind besides those of this release and Service", () => {
    const kinds = new Set(all.map((object) => object.kind));
    for (const object of ours) kinds.delete(object.kind);
    expect([...kinds].sort()).toEqual(["Service"]);
  });

  const cases = ours.flatMap((object, number) => {
    const [group, stated] = (object.apiVersion ?? "").split("/");
    const kind = allKinds.find((kind) => kind.kind === object.kind);
    return (kind?.versions ?? []).map(
      (version) =>
        [
          number + 1,
          `${object.kind} ${object.metadata.name}`,
          version,
          version === stated,
          { ...object, apiVersion: `${group}/${version}` } as KubeObject,
        ] as const,
    );
  });
  test.each(cases)(
    "manifest %d, %s, is taken whole in %s (as written: %s)",
    async (_, __, ___, ____, object) => {
      expect((await api.create(object)).spec).toEqual(object.spec);
    },
  );
});

describe("config/", () => {
  test("install.yaml is taken as it is, run twice", async () => {
    for (const _ of [1, 2])
      for (const object of documents("config/install.yaml")) {
        const { kind, apiVersion = "", metadata } = object;
        const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
        const resource = Object.values(resources).find(
          (resource) =>
            typeof resource === "object" &&
            resource.kind === kind &&
            resource.group === group &&
            resource.version === version,
        );
        if (resource === undefined || typeof resource === "function")
          throw new Error(`${kind} ${metadata.name}: unknown`);
        await api.client.apply(resource, object, { fieldManager: "weft-test" });
      }
  });

  test("the sample MeshInstallation gets every default", async () => {
    const [sample] = documents("config/samples/meshinstallation.yaml");
    if (sample === undefined) throw new Error("the sample holds a document");
    const stored = await api.create(sample);
    expect(stored.spec).toEqual(defaults);
  });
});

describe("MeshInstallation", () => {
  test("without a spec gets every default", async () => {
    expect((await api.create(objectOf("meshinstallations", undefined))).spec).toEqual(defaults);
  });

  test("never moves to another namespace", async () => {
    await api.create(objectOf("meshinstallations", { namespace: "mesh" }), { dryRun: false });
    const path = "/apis/mesh.weft.dev/v1alpha1/meshinstallations/it";
    const patch = (spec: object) =>
      api.client.request("PATCH", path, { body: { spec }, contentType: "application/merge-patch+json" });
    await expect(patch({ namespace: "other" })).rejects.toThrow(
      `spec.namespace: Invalid value: "other": cannot be changed: moving the control plane would cut off every sidecar`,
    );
    await expect(patch({ namespace: null })).rejects.toThrow("cannot be changed");
    await expect(patch({ accessLog: true })).resolves.toMatchObject({ status: 200 });
  });

  const cases = [
    [
      { namespace: "weft-system" },
      `spec.namespace: Invalid value: "weft-system": weft-system is the operator's own namespace`,
    ],
    [{ revision: "Not_A_Label" }, "spec.revision in body should match"],
    [{ control: { replicas: 0 } }, "spec.control.replicas in body should be greater than or equal to 1"],
    [
      { injection: { nativeSidecar: "yes" } },
      `spec.injection.nativeSidecar: Unsupported value: "yes": supported values: "auto", "true", "false"`,
    ],
    [{ mtls: { mode: "UNSET" } }, `spec.mtls.mode: Unsupported value: "UNSET"`],
    [{ version: "latest" }, "spec.version in body should match"],
  ] as const;
  test.each(cases)("refuses %j", async (spec, says) => {
    await expect(api.create(objectOf("meshinstallations", spec))).rejects.toThrow(says);
  });
});

const defaults = {
  revision: "default",
  namespace: "istio-system",
  updateStrategy: { type: "InPlace" },
  paused: false,
  trustDomain: "cluster.local",
  control: {
    replicas: 2,
    resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  },
  proxy: {
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    logLevel: "warning",
    concurrency: 1,
  },
  injection: { failurePolicy: "Ignore", nativeSidecar: "auto" },
  validation: { failurePolicy: "Fail" },
  mtls: { mode: "PERMISSIVE" },
  outboundTrafficPolicy: "ALLOW_ANY",
  localKeyAddresses: false,
  accessLog: false,
  accessLogEncoding: "TEXT",
};

interface Described {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
  readonly additionalProperties?: Described;
}

/** Paths of fields that no value has; `values` are all values at this place. */
function missingFields(schema: Described, values: readonly unknown[], path: string): string[] {
  if (schema.items) return missingFields(schema.items, values.flat(), `${path}[]`);
  const objects = values.filter((value) => typeof value === "object" && value !== null);
  if (schema.additionalProperties)
    return missingFields(schema.additionalProperties, objects.flatMap(Object.values), `${path}.*`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const inner = objects
      .filter((value) => name in value)
      .map((value) => (value as Record<string, unknown>)[name]);
    return inner.length === 0 ? [`${path}.${name}`] : missingFields(property, inner, `${path}.${name}`);
  });
}
