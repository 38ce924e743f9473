import { meshKinds } from "../../crds/index.ts";
import type { MeshInstallation } from "../../crds/mesh-installation.ts";
import { type Client, isNotFound, type KubeObject } from "../../kube/index.ts";
import { type Command, connectionOf, connectionOptions, type Surroundings } from "../command.ts";
import { parseDocuments } from "../documents.ts";
import { CommandError } from "../errors.ts";
import { createProgress, type Progress } from "../progress.ts";
import { resourceOf } from "../resource-of.ts";
import { parseTimeout, waitUntil } from "../timeout.ts";
import { meshInstallations } from "./version.ts";

const forceAnnotation = "mesh.weft.dev/force-delete";

export const uninstall: Command = {
  name: "uninstall",
  summary: "removes the meshes, then the operator; keeps the definitions and users' manifests",
  options: [
    {
      name: "force",
      description: "Goes on though pods still carry a sidecar: their identities end within a day.",
    },
    { name: "timeout", value: "TIME", description: "How long the meshes may take to go; 2m by default." },
    ...connectionOptions,
  ],
  examples: [
    ["weft uninstall", "everything but the definitions"],
    ["weft uninstall --force --timeout 30s", "also while pods are still injected"],
  ],
  exitCodes: [
    [0, "it is gone"],
    [1, "something is still there"],
    [2, "wrong usage"],
  ],
  async run(args, surroundings) {
    const timeoutMs = parseTimeout(args.text("timeout") ?? "2m");
    const client = await surroundings.connect(connectionOf(args));
    try {
      const progress = createProgress(surroundings.clock, surroundings.err);
      await removeMeshes(client, args.flag("force"), timeoutMs, progress, surroundings);
      progress.step("removing the operator");
      await removeOperator(client, await surroundings.bundled("install"));
      const definitions = meshKinds.map((kind) => `${kind.plural}.${kind.group}`).join(" ");
      surroundings.out(
        `the mesh and its operator are removed; restart workloads to be rid of their sidecars\nthe definitions are kept; to remove Weft's own: kubectl delete customresourcedefinitions ${definitions}\n`,
      );
      return 0;
    } finally {
      client.close();
    }
  },
};

async function listMeshes(client: Client): Promise<MeshInstallation[]> {
  try {
    return (await client.list<MeshInstallation>(meshInstallations)).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** The operator takes a mesh down in order, so it has to be there until all are gone. */
async function removeMeshes(
  client: Client,
  force: boolean,
  timeoutMs: number,
  progress: Progress,
  { clock }: Surroundings,
): Promise<void> {
  for (const { metadata } of await listMeshes(client)) {
    const { name } = metadata;
    progress.step(`removing mesh ${name}`);
    if (force) {
      const body = { metadata: { annotations: { [forceAnnotation]: "true" } } };
      await unlessGone(client.patch(meshInstallations, { name, type: "merge", body }));
    }
    await unlessGone(client.delete(meshInstallations, { name }));
  }
  let left = "";
  const gone = async () => {
    const meshes = await listMeshes(client);
    left = meshes.map(describe).join("; ");
    if (meshes.length > 0) progress.step(`waiting for ${left}`);
    return meshes.length === 0;
  };
  if (await waitUntil(clock, timeoutMs, gone)) return;
  throw new CommandError(
    `still there after ${Math.round(timeoutMs / 1000)} s: ${left}\nnext: kubectl get pods -n weft-system (the operator removes meshes), or weft uninstall --force`,
  );
}

function describe({ metadata, status }: MeshInstallation): string {
  const why = status?.conditions?.find((condition) => condition.type === "Ready")?.message;
  return why === undefined ? `mesh ${metadata.name}` : `mesh ${metadata.name} (${why})`;
}

/** In the reverse order of installation; definitions stay, since users' manifests would go with them. */
async function removeOperator(client: Client, installed: string): Promise<void> {
  const objects = parseDocuments("install.yaml", installed).map(({ value }) => value as KubeObject);
  for (const object of objects.reverse()) {
    if (object.kind === "CustomResourceDefinition") continue;
    const { name, namespace } = object.metadata;
    await unlessGone(client.delete(resourceOf(object), { name, namespace, propagationPolicy: "Background" }));
  }
}

async function unlessGone(action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
