import { stringify } from "yaml";
import type { MeshInstallation } from "../../crds/mesh-installation.ts";
import { type Client, ConnectionError, isNotFound, type KubeObject, resources } from "../../kube/index.ts";
import {
  type Command,
  connectionOf,
  connectionOptions,
  outputOption,
  type Surroundings,
} from "../command.ts";
import { parseDocuments } from "../documents.ts";
import { CommandError } from "../errors.ts";
import { createProgress, type Progress } from "../progress.ts";
import { resourceOf } from "../resource-of.ts";
import { parseTimeout, waitUntil } from "../timeout.ts";
import { meshInstallations } from "./version.ts";

const fieldManager = "weft-cli";

export const install: Command = {
  name: "install",
  summary: "installs the operator and a mesh, and waits until it is ready",
  options: [
    {
      name: "file",
      short: "f",
      value: "FILE",
      description: "A MeshInstallation, or - for standard input; by default a mesh with every default.",
    },
    { name: "dry-run", description: "Prints what would be applied, as YAML; asks no cluster." },
    { name: "timeout", value: "TIME", description: "How long to wait; 5m by default, 0s not at all." },
    outputOption,
    ...connectionOptions,
  ],
  examples: [
    ["weft install", "a mesh with every default"],
    ["weft install -f mesh.yaml --timeout 2m", "a mesh as described in a file"],
    ["weft install --dry-run | kubectl diff -f -", "what would change"],
  ],
  exitCodes: [
    [0, "the mesh is ready, or was printed"],
    [1, "something was refused, or it is not ready in time"],
    [2, "wrong usage"],
  ],
  async run(args, surroundings) {
    const timeoutMs = parseTimeout(args.text("timeout") ?? "5m");
    const operator = objectsOf("install.yaml", await surroundings.bundled("install"));
    const mesh = await readMesh(args.text("file"), surroundings);
    if (args.flag("dry-run")) {
      surroundings.out(
        [...operator, mesh].map((object) => stringify(object, { lineWidth: 0 })).join("---\n"),
      );
      return 0;
    }
    const client = await surroundings.connect(connectionOf(args));
    try {
      const progress = createProgress(surroundings.clock, surroundings.err);
      await applyAll(client, operator, progress, surroundings);
      const applied = await client.apply(meshInstallations, mesh, { fieldManager });
      const name = applied.metadata.name;
      if (timeoutMs > 0) await waitReady(client, applied, timeoutMs, progress, surroundings);
      const seconds = Math.round(progress.elapsedMs() / 100) / 10;
      if (args.text("output") === "json")
        surroundings.out(`${JSON.stringify({ mesh: name, ready: timeoutMs > 0, seconds })}\n`);
      else if (timeoutMs > 0)
        surroundings.out(
          `mesh ${name} is ready after ${seconds} s\nnext: kubectl label namespace NAMESPACE istio-injection=enabled\n`,
        );
      else surroundings.out(`mesh ${name} is applied\nnext: kubectl get meshinstallation ${name} --watch\n`);
      return 0;
    } finally {
      client.close();
    }
  },
};

function objectsOf(file: string, text: string): KubeObject[] {
  return parseDocuments(file, text).map(({ line, value, problem }) => {
    if (problem) throw new CommandError(`${file}:${problem.line}: ${problem.message}`);
    if (typeof value !== "object" || value === null || !("metadata" in value))
      throw new CommandError(`${file}:${line}: found no metadata; expected a Kubernetes object`);
    return value as KubeObject;
  });
}

async function readMesh(
  file: string | undefined,
  { bundled, read, stdin }: Surroundings,
): Promise<KubeObject> {
  const name = file === undefined ? "the sample" : file === "-" ? "<stdin>" : file;
  const source = file === undefined ? bundled("sample") : file === "-" ? stdin() : read(file);
  const [mesh, ...more] = objectsOf(name, await source);
  if (mesh === undefined || more.length > 0 || mesh.kind !== "MeshInstallation") {
    const found = mesh === undefined ? "nothing" : [mesh, ...more].map((object) => object.kind).join(", ");
    throw new CommandError(
      `${name}: found ${found}; expected one MeshInstallation\nnext: start from config/samples/meshinstallation.yaml`,
    );
  }
  return mesh;
}

/** Definitions first, and nothing that needs them before they are served. */
async function applyAll(
  client: Client,
  objects: readonly KubeObject[],
  progress: Progress,
  { clock }: Surroundings,
): Promise<void> {
  const definitions = objects.filter((object) => object.kind === "CustomResourceDefinition");
  progress.step(`applying ${definitions.length} definitions`);
  for (const object of definitions) await client.apply(resourceOf(object), object, { fieldManager });
  const established = async () => {
    for (const { metadata } of definitions) {
      const { status } = await client.get(resources.customResourceDefinitions, { name: metadata.name });
      if (!hasCondition(status, "Established")) return false;
    }
    return await isServed(client);
  };
  if (!(await waitUntil(clock, 30_000, established)))
    throw new CommandError(
      "the definitions are not served after 30 s\nnext: kubectl get customresourcedefinitions -o wide",
    );
  progress.step("applying the operator");
  for (const object of objects.filter((object) => !definitions.includes(object)))
    await client.apply(resourceOf(object), object, { fieldManager });
}

/** The API server takes objects of a new kind a moment after it is established. */
async function isServed(client: Client): Promise<boolean> {
  try {
    await client.list(meshInstallations, { limit: 1 });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function waitReady(
  client: Client,
  mesh: KubeObject,
  timeoutMs: number,
  progress: Progress,
  { clock }: Surroundings,
): Promise<void> {
  const { name, generation = 0 } = mesh.metadata;
  let last = "the operator has not looked at it yet";
  const ready = async () => {
    const status = await statusOf(client, name);
    if ((status?.observedGeneration ?? 0) >= generation && hasCondition(status, "Ready")) return true;
    const waiting = status?.conditions?.filter((condition) => condition.status !== "True") ?? [];
    if (waiting.length > 0) last = waiting.map(({ type, message }) => `${type}: ${message}`).join("; ");
    progress.step(`waiting for mesh ${name}: ${last}`);
    return false;
  };
  if (await waitUntil(clock, timeoutMs, ready)) return;
  throw new CommandError(
    `mesh ${name} is not ready after ${Math.round(timeoutMs / 1000)} s: ${last}\nnext: kubectl describe meshinstallation ${name}; kubectl logs -n weft-system deployment/weft-operator`,
  );
}

/** An API server that is away for a moment is no reason to give up. */
async function statusOf(client: Client, name: string): Promise<MeshInstallation["status"]> {
  try {
    return (await client.get<MeshInstallation>(meshInstallations, { name })).status;
  } catch (error) {
    if (error instanceof ConnectionError) return undefined;
    throw error;
  }
}

function hasCondition(status: unknown, type: string): boolean {
  const conditions =
    (status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}
