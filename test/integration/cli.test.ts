import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { MeshInstallation } from "../../crds/mesh-installation.ts";
import {
  type Client,
  createClient,
  isNotFound,
  type KubeObject,
  loadConfig,
  resources,
} from "../../kube/index.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";

const root = resolve(import.meta.dirname, "../..");
const meshes = {
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural: "meshinstallations",
  kind: "MeshInstallation",
  namespaced: false,
};
const name = "default";

let server: ApiServer;
let client: Client;
beforeAll(async () => {
  server = await startApiServer();
  client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), { userAgent: "weft-test/1" });
});
afterAll(async () => {
  client?.close();
  await server?.close();
});

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the real program; `heard` sees what it says on standard error. */
function weft(args: readonly string[], heard: (text: string) => void = () => {}): Promise<Answer> {
  return new Promise((done) => {
    const command = [join(root, "cli/main.ts"), ...args];
    const env = { ...process.env, KUBECONFIG: server.kubeconfig };
    const child = execFile(process.execPath, command, { env }, (error, out, err) => {
      done({ code: error === null ? 0 : Number(error.code), out, err });
    });
    child.stderr?.on("data", (chunk) => heard(String(chunk)));
  });
}

async function writeStatus(status: MeshInstallation["status"]): Promise<void> {
  await client.patch(meshes, { name, type: "merge", subresource: "status", body: { status } });
}
const condition = (status: "True" | "False", message: string) => ({
  type: "Ready",
  status,
  reason: status === "True" ? "Available" : "Progressing",
  message,
  lastTransitionTime: "2026-01-02T03:04:05Z",
});

describe("weft on a cluster", () => {
  test("says so when there is no mesh", async () => {
    expect((await weft(["version"])).out).toMatch(/^weft \d+\.\d+\.\d+\nthe cluster has no mesh\n$/);
  });

  test("gives up in time when nobody makes the mesh, and says what to look at", async () => {
    const { code, err } = await weft(["install", "--timeout", "1s"]);
    expect(code).toBe(1);
    expect(err).toMatch(/^\[0:0\d\] applying 4 definitions\n\[0:0\d\] applying the operator\n/);
    expect(err).toContain("mesh default is not ready after 1 s: the operator has not looked at it yet");
    expect(err).toContain("next: kubectl describe meshinstallation default");
  });

  test("installs again, shows why it waits, and ends when the mesh is ready", async () => {
    let told = false;
    const tell = async () => {
      const { metadata } = await client.get<MeshInstallation>(meshes, { name });
      const observedGeneration = metadata.generation ?? 0;
      if (!told) {
        told = true;
        await writeStatus({
          observedGeneration,
          conditions: [condition("False", "0 of 2 replicas are ready")],
        });
      } else
        await writeStatus({
          observedGeneration,
          version: "0.1.0",
          activeRevision: "default",
          conditions: [condition("True", "2 of 2 replicas are ready")],
        });
    };
    const { code, out, err } = await weft(["install"], (text) => {
      if (text.includes("waiting for mesh")) void tell();
    });
    expect(err).toContain("waiting for mesh default: Ready: 0 of 2 replicas are ready");
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^mesh default is ready after [\d.]+ s\nnext: kubectl label namespace/),
    });
    expect((await weft(["version"])).out).toContain("mesh default: version 0.1.0, revision default");
  });

  test("a status from before the change does not count as ready", async () => {
    const { code, err } = await weft([
      "install",
      "--timeout",
      "1s",
      "-f",
      join(root, "config/samples/meshinstallation.yaml"),
    ]);
    expect({ code, err }).toMatchObject({ code: 0 });
    await client.patch(meshes, { name, type: "merge", body: { spec: { accessLog: true } } });
    const { metadata } = await client.get<MeshInstallation>(meshes, { name });
    await writeStatus({ observedGeneration: (metadata.generation ?? 0) - 1 });
    expect(await weft(["install", "--timeout", "1s"])).toMatchObject({ code: 1 });
  });

  test("--dry-run prints what the cluster takes", async () => {
    const { code, out } = await weft(["install", "--dry-run"]);
    expect(code).toBe(0);
    const objects = parseAllDocuments(out).map((document) => document.toJS() as KubeObject);
    expect(objects.at(-1)).toMatchObject({ kind: "MeshInstallation", metadata: { name } });
    expect(objects.map((object) => object.kind)).toContain("Deployment");
  });

  test("uninstall waits for the operator, and says who is still there", async () => {
    await client.patch(meshes, {
      name,
      type: "merge",
      body: { metadata: { finalizers: ["mesh.weft.dev/operator"] } },
    });
    await writeStatus({ conditions: [condition("False", "3 pods still carry a sidecar")] });
    const { code, err } = await weft(["uninstall", "--timeout", "1s"]);
    expect(code).toBe(1);
    expect(err).toContain("still there after 1 s: mesh default (3 pods still carry a sidecar)");
    await client.get(resources.deployments, { namespace: "weft-system", name: "weft-operator" });
  });

  test("uninstall --force marks the mesh, and removes the operator when it is gone", async () => {
    let annotations: Record<string, string> | undefined;
    const { code, out } = await weft(["uninstall", "--force"], (text) => {
      if (!text.includes("waiting for mesh")) return;
      void client.get<MeshInstallation>(meshes, { name }).then(async ({ metadata }) => {
        annotations = metadata.annotations;
        await client.patch(meshes, { name, type: "merge", body: { metadata: { finalizers: null } } });
      });
    });
    expect({ code, annotations }).toMatchObject({
      code: 0,
      annotations: { "mesh.weft.dev/force-delete": "true" },
    });
    expect(out).toContain("kubectl delete customresourcedefinitions meshinstallations.mesh.weft.dev");
    const operator = client.get(resources.deployments, { namespace: "weft-system", name: "weft-operator" });
    expect(isNotFound(await operator.catch((error: unknown) => error))).toBe(true);
    await client.get(resources.customResourceDefinitions, { name: "meshinstallations.mesh.weft.dev" });
  });

  test("uninstall of nothing is no error", async () => {
    expect(await weft(["uninstall"])).toMatchObject({ code: 0 });
  });

  test("names the server when it does not answer", async () => {
    await server.stop();
    const { code, err } = await weft(["version"]);
    expect(code).toBe(1);
    expect(err).toMatch(/no answer from the API server \(ECONNREFUSED.*\nnext: check --kubeconfig/);
    await server.start();
  });
});
