/** What people see of the API through kubectl: definitions by client-side apply, columns, explanations, refusals. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { allKinds, definitionName } from "../../crds/index.ts";
import { ensureBinaries } from "../../hack/hermetic/binaries.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";

const root = resolve(import.meta.dirname, "../..");

let server: ApiServer;
let kube: string;
beforeAll(async () => {
  server = await startApiServer();
  ({ kube } = await ensureBinaries(() => {}));
  const manifests = allKinds.flatMap((kind) => ["-f", `crds/manifests/${definitionName(kind)}.yaml`]);
  // Client-side apply keeps each whole definition in an annotation.
  expect(kubectl(["apply", ...manifests])).toMatchObject({ code: 0 });
  // Established, then in discovery, then in the OpenAPI document that kubectl explains from: each comes a moment later.
  const soon = { timeout: 30_000, interval: 100 };
  for (const kind of allKinds)
    for (const verb of ["get", "explain"])
      await vi.waitFor(() => expect(kubectl([verb, definitionName(kind)])).toMatchObject({ code: 0 }), soon);
});
afterAll(async () => {
  await server?.close();
});

interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function kubectl(args: readonly string[], input = ""): Answer {
  const command = ["kubectl", "--kubeconfig", server.kubeconfig, ...args];
  const env = { ...process.env, KUBECACHEDIR: join(dirname(server.kubeconfig), "kubectl-cache") };
  const { status, stdout, stderr } = spawnSync(kube, command, { encoding: "utf8", input, cwd: root, env });
  return { code: status, out: stdout, err: stderr };
}

test("config/install.yaml is what config/default renders", () => {
  const rendered = objects(kubectl(["kustomize", "config/default"]).out);
  expect(rendered).toEqual(objects(readFileSync(join(root, "config/install.yaml"), "utf8")));
});

describe("kubectl get", () => {
  const cases = [
    [
      "vs",
      "networking.istio.io/v1",
      "VirtualService",
      "{hosts: [a], gateways: [mesh]}",
      ["GATEWAYS", "HOSTS", "AGE"],
      ['["mesh"]', '["a"]'],
    ],
    ["dr", "networking.istio.io/v1beta1", "DestinationRule", "{host: a}", ["HOST", "AGE"], ["a"]],
    [
      "pa",
      "security.istio.io/v1",
      "PeerAuthentication",
      "{mtls: {mode: STRICT}}",
      ["MODE", "AGE"],
      ["STRICT"],
    ],
    ["ap", "security.istio.io/v1beta1", "AuthorizationPolicy", "{action: DENY}", ["ACTION", "AGE"], ["DENY"]],
    [
      "mesh",
      "mesh.weft.dev/v1alpha1",
      "MeshInstallation",
      "{}",
      ["READY", "REVISION", "STATE", "VERSION", "AGE"],
      [],
    ],
    ["svccfg", "mesh.weft.dev/v1alpha1", "ServiceConfig", "{}", ["PART", "HOST", "HASH", "AGE"], ["index"]],
    ["wlcfg", "mesh.weft.dev/v1alpha1", "WorkloadConfig", "{}", ["MTLS", "HASH", "AGE"], []],
  ] as const;
  test.each(cases)("%s shows its columns", (short, apiVersion, kind, spec, columns, cells) => {
    const manifest = `apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: it, labels: {mesh.weft.dev/part: index}}
spec: ${spec}
`;
    expect(kubectl(["apply", "-f", "-"], manifest)).toMatchObject({ code: 0, err: "" });
    const [head = "", row = ""] = kubectl(["get", short]).out.split("\n");
    expect(head.trim().split(/\s{2,}/)).toEqual(["NAME", ...columns]);
    expect(row.split(/\s+/)).toEqual(expect.arrayContaining(["it", ...cells]));
  });

  test.each(["istio-io", "networking-istio-io", "security-istio-io", "weft"])(
    "knows the category %s",
    (category) => {
      expect(kubectl(["get", category, "-o", "name"])).toMatchObject({
        code: 0,
        out: expect.stringContaining("/it"),
      });
    },
  );
});

test("kubectl explain tells what a field is for", () => {
  const { out } = kubectl(["explain", "virtualservice.spec.http.retries.perTryTimeout"]);
  expect(out).toContain("FIELD: perTryTimeout <string>");
  expect(out).toContain("Limit for each try; the route's timeout when absent.");
});

test("kubectl apply prints every refusal of a manifest with its field", () => {
  const manifest = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad}
spec:
  hosts: [a]
  http:
  - timeout: 0s
    match:
    - uri: {exact: /a, prefix: /a}
    route:
    - destination: {host: a}
`;
  const { code, err } = kubectl(["apply", "-f", "-"], manifest);
  expect(code).toBe(1);
  // The API server walks objects in no particular order.
  const [head, ...causes] = err.trimEnd().split("\n");
  expect(head?.trim()).toBe('The VirtualService "bad" is invalid:');
  expect(causes.sort()).toEqual([
    "* spec.http[0].match[0].uri: Invalid value: set at most one of exact, prefix and regex",
    '* spec.http[0].timeout: Invalid value: "0s": expected a duration of at least 1ms, such as "500ms", "1.5s" or "1h"',
  ]);
});

function objects(text: string): unknown[] {
  const key = ({ kind, metadata }: { kind: string; metadata: { name: string } }) =>
    `${kind}/${metadata.name}`;
  return parseAllDocuments(text)
    .map((document) => document.toJS() as { kind: string; metadata: { name: string } })
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
