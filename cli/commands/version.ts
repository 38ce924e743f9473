import { type MeshInstallation, meshInstallation } from "../../crds/mesh-installation.ts";
import { type Client, isNotFound, type Resource } from "../../kube/index.ts";
import { type Command, connectionOf, connectionOptions, outputOption } from "../command.ts";

export const meshInstallations: Resource = {
  group: meshInstallation.group,
  version: meshInstallation.versions[0],
  plural: meshInstallation.plural,
  kind: meshInstallation.kind,
  namespaced: false,
};

export const version: Command = {
  name: "version",
  summary: "versions of this program and of the meshes in the cluster",
  options: [
    { name: "client", description: "This program only: asks no cluster." },
    outputOption,
    ...connectionOptions,
  ],
  examples: [
    ["weft version", "this program and the cluster's meshes"],
    ["weft version --client -o json", "for scripts"],
  ],
  exitCodes: [
    [0, "it is known"],
    [1, "the cluster cannot be asked"],
    [2, "wrong usage"],
  ],
  async run(args, { out, connect, version: client }) {
    const meshes = args.flag("client") ? undefined : await askCluster(await connect(connectionOf(args)));
    if (args.text("output") === "json") {
      out(`${JSON.stringify(meshes === undefined ? { client } : { client, meshes })}\n`);
      return 0;
    }
    out(`weft ${client}\n`);
    for (const mesh of meshes ?? [])
      out(
        `mesh ${mesh.name}: version ${mesh.version ?? "unknown"}, revision ${mesh.revision ?? "none yet"}\n`,
      );
    if (meshes?.length === 0) out("the cluster has no mesh\n");
    return 0;
  },
};

interface Mesh {
  readonly name: string;
  readonly version?: string | undefined;
  readonly revision?: string | undefined;
}

async function askCluster(client: Client): Promise<Mesh[]> {
  try {
    const { items } = await client.list<MeshInstallation>(meshInstallations);
    return items.map(({ metadata, status }) => ({
      name: metadata.name,
      version: status?.version,
      revision: status?.activeRevision,
    }));
  } catch (error) {
    // Without the definition there is no mesh.
    if (isNotFound(error)) return [];
    throw error;
  } finally {
    client.close();
  }
}
