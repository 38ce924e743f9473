import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "./arguments.ts";
import type { Layout } from "./layout.ts";
import { run } from "./run.ts";

const image = "rancher/k3s:v1.36.3-k3s1";

/** What is used of @testcontainers/k3s, which is installed only where somebody asks for it. */
interface Testcontainers {
  readonly K3sContainer: new (image: string) => { start(): Promise<StartedContainer> };
}
interface StartedContainer {
  getId(): string;
  getKubeConfig(): string;
}

/** Whether the cluster that is up is k3s. */
export async function isK3s(files: Layout): Promise<boolean> {
  return (await containerOf(files)) !== undefined;
}

/** `hack/cluster` for k3s in Docker. One node: localities and node failures need the hermetic cluster. */
export async function k3s(
  command: Command,
  files: Layout,
  report: (message: string) => void,
): Promise<number> {
  const container = await containerOf(files);
  switch (command.name) {
    case "up":
      if (command.nodes > 1)
        throw new Error(`--k3s: found --nodes ${command.nodes}; k3s in Docker has one node`);
      if (container === undefined) await start(files, report);
      report(`k3s is up: export KUBECONFIG=${files.kubeconfig}`);
      return 0;
    case "down":
      if (container !== undefined) await run("docker", ["rm", "--force", "--volumes", container]);
      await rm(files.folder, { recursive: true, force: true });
      return 0;
    case "kubeconfig":
      if (container === undefined) return 3;
      console.log(files.kubeconfig);
      return 0;
    case "status": {
      const answer =
        container === undefined
          ? { state: "down", kind: "k3s" }
          : { state: "up", kind: "k3s", container, kubeconfig: files.kubeconfig };
      console.log(command.json ? JSON.stringify(answer) : `k3s is ${answer.state}`);
      return container === undefined ? 3 : 0;
    }
    case "load":
      if (container === undefined) throw new Error("k3s is not up; next: hack/cluster up --k3s");
      for (const archive of command.archives) {
        const inside = `/tmp/${basename(archive)}`;
        await run("docker", ["cp", archive, `${container}:${inside}`]);
        await run("docker", ["exec", container, "ctr", "--namespace=k8s.io", "images", "import", inside]);
        await run("docker", ["exec", container, "rm", inside]);
        report(`loaded ${archive}`);
      }
      return 0;
    default:
      throw new Error("with --k3s there are up, down, status, kubeconfig and load");
  }
}

async function start(files: Layout, report: (message: string) => void): Promise<void> {
  // Testcontainers would remove the container when this process ends; `down` does that here.
  process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  const name: string = "@testcontainers/k3s";
  const library = (await import(name).catch(() => {
    throw new Error(`--k3s needs the npm package ${name}; next: npm install --no-save ${name}`);
  })) as Testcontainers;
  report(`starting ${image} in Docker`);
  const started = await new library.K3sContainer(image).start().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `k3s can't be started in Docker: ${why}; next: check that "docker run ${image}" works, or leave out --k3s`,
    );
  });
  await mkdir(files.folder, { recursive: true });
  await writeFile(files.kubeconfig, started.getKubeConfig(), { mode: 0o600 });
  await writeFile(join(files.folder, "k3s"), `${started.getId()}\n`);
}

async function containerOf(files: Layout): Promise<string | undefined> {
  return await readFile(join(files.folder, "k3s"), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
