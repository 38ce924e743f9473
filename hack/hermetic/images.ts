import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { access, copyFile, link, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeImageOf } from "./archive.ts";
import { type Binaries, cacheFolder } from "./binaries.ts";
import { containerdSocket, corednsImage, pauseImage } from "./components.ts";
import type { Layout } from "./layout.ts";
import { inNode } from "./node.ts";

/** Returns the archives of the images that a node itself needs, made when the cache lacks them. */
export async function nodeImages(binaries: Binaries): Promise<string[]> {
  const folder = join(cacheFolder(), "images", "node");
  await mkdir(folder, { recursive: true });
  const images = [
    { tag: pauseImage, name: "pause", executable: binaries.pause, user: "65535:65535" },
    { tag: corednsImage, name: "coredns", executable: binaries.coredns, user: "0:0" },
  ];
  return await Promise.all(
    images.map(async ({ executable, ...image }) => {
      // The executable's folder in the cache is named by what it was built from.
      const path = join(folder, `${image.name}-${basename(dirname(executable))}.tar`);
      if (!(await exists(path))) await writeImageOf(path, executable, image);
      return path;
    }),
  );
}

/** Imports a docker-archive on the node with this PID 1; returns the names that it carries. */
export async function importImage(archive: string, pid: number): Promise<string[]> {
  const [command, args] = inNode(pid, [
    "ctr",
    `--address=${containerdSocket}`,
    "--namespace=k8s.io",
    "images",
    "import",
    "-",
  ]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  child.stdin.on("error", () => undefined); // ctr says itself why it stopped reading.
  // By standard input: the node's /run is its own, so not every path of the host is one of the node.
  const source = createReadStream(archive);
  source.on("error", (error) => child.stdin.destroy(error));
  source.pipe(child.stdin);
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  if (code !== 0)
    throw new Error(`${archive} can't be imported: ${errors.trim() || `ctr exited with ${code}`}`);
  return importedNames(output);
}

/** The image names in what `ctr images import` prints: `unpacking weft.dev/proxy:dev (sha256:…)...done`. */
export function importedNames(output: string): string[] {
  return [...output.matchAll(/^unpacking (\S+) \(/gm)].map((match) => match[1] ?? "");
}

/** Keeps an archive for nodes that join later, in the place of an older one with the same name. */
export async function keepArchive(archive: string, names: readonly string[], files: Layout): Promise<void> {
  await mkdir(files.images, { recursive: true });
  const kept = join(files.images, `${(names[0] ?? "unnamed").replaceAll(/[/:]/g, "_")}.tar`);
  const partial = `${kept}.${process.pid}.tmp`;
  await rm(partial, { force: true });
  // A link costs nothing; where the cache is another file system, a copy.
  await link(archive, partial).catch(() => copyFile(archive, partial));
  await rename(partial, kept);
}

/** The archives that joining nodes import. */
export async function keptArchives(files: Layout): Promise<string[]> {
  const names = await readdir(files.images).catch(() => []);
  return names.filter((name) => name.endsWith(".tar")).map((name) => join(files.images, name));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether this very file is what joining nodes import: then the running ones have it too. */
export async function isKept(archive: string, files: Layout): Promise<boolean> {
  const { dev, ino } = await stat(archive);
  const kept = await Promise.all((await keptArchives(files)).map((path) => stat(path)));
  return kept.some((file) => file.dev === dev && file.ino === ino);
}
