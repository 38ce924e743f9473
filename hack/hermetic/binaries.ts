import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { withLock } from "./lock.ts";

/** The releases that the Go modules beside this file pin; a test compares them with the `go.mod`s. */
export const kubernetesVersion = "v1.36.3";
export const corednsVersion = "v1.15.0";

/** The executables of the hermetic cluster, as absolute paths. */
export interface Binaries {
  /** etcd and every Kubernetes component, chosen by the first argument. */
  readonly kube: string;
  readonly coredns: string;
  /** What holds a pod's namespaces. */
  readonly pause: string;
}

interface Source {
  readonly name: "weft-kube" | "coredns" | "pause";
  readonly version: string;
  readonly folder: string;
  readonly ldflags: string;
  readonly estimate: string;
}

const [major, minor] = kubernetesVersion.slice(1).split(".");
const stamp = "-X k8s.io/component-base/version";
const sources: readonly Source[] = [
  {
    name: "weft-kube",
    version: kubernetesVersion,
    folder: join(import.meta.dirname, "kubernetes"),
    ldflags: `-s -w ${stamp}.gitVersion=${kubernetesVersion} ${stamp}.gitMajor=${major} ${stamp}.gitMinor=${minor}`,
    estimate: "about 10 minutes on 2 cores the first time, seconds from then on",
  },
  {
    name: "coredns",
    version: corednsVersion,
    folder: join(import.meta.dirname, "coredns"),
    ldflags: "-s -w",
    estimate: "about a minute the first time",
  },
  {
    name: "pause",
    version: "v1",
    folder: join(import.meta.dirname, "pause"),
    ldflags: "-s -w",
    estimate: "a few seconds",
  },
];

/** Where built things are kept between runs: `$WEFT_CACHE`, else `weft` in `$XDG_CACHE_HOME` or `~/.cache`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.WEFT_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "weft"));
}

/** The cache key of a build: the pinned version for people, the hash of flags and sources for truth. */
export function binaryKey(version: string, ldflags: string, files: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256").update(ldflags);
  for (const name of [...files.keys()].sort()) hash.update(`\0${name}\0${files.get(name)}`);
  return `${version}-${hash.digest("hex").slice(0, 12)}`;
}

/**
 * Returns the cluster's executables, building what the cache lacks; `report` hears of long steps.
 * `$WEFT_KUBE_BINARIES` names a folder of ready ones. Throws when Go is missing or a build fails.
 */
export async function ensureBinaries(
  report: (message: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Binaries> {
  const ready = env.WEFT_KUBE_BINARIES;
  if (ready) {
    const named = (name: string) => resolve(ready, name);
    for (const { name } of sources) {
      if (!(await exists(named(name)))) {
        throw new Error(`WEFT_KUBE_BINARIES names ${ready}, but ${named(name)} does not exist`);
      }
    }
    return { kube: named("weft-kube"), coredns: named("coredns"), pause: named("pause") };
  }
  // One after the other: Go uses every core for one build already.
  const built = new Map<string, string>();
  for (const source of sources) built.set(source.name, await ensureBinary(source, report, env));
  const path = (name: string) => built.get(name) ?? "";
  return { kube: path("weft-kube"), coredns: path("coredns"), pause: path("pause") };
}

async function ensureBinary(source: Source, report: (message: string) => void, env: NodeJS.ProcessEnv) {
  const key = binaryKey(source.version, source.ldflags, await goFiles(source.folder));
  const folder = join(cacheFolder(env), source.name, key);
  const target = join(folder, source.name);
  if (await exists(target)) return target;
  await mkdir(folder, { recursive: true });
  // Test files that start at once must not build twice; the second one finds the first one's result.
  return await withLock(join(folder, "build.lock"), async () => {
    if (await exists(target)) return target;
    report(`building ${source.name} ${source.version} (${source.estimate})`);
    const partial = `${target}.${process.pid}.tmp`;
    try {
      await goBuild(source, partial, env);
      await rename(partial, target);
    } finally {
      await rm(partial, { force: true });
    }
    return target;
  });
}

async function goBuild(source: Source, output: string, env: NodeJS.ProcessEnv): Promise<void> {
  const args = ["build", "-trimpath", "-ldflags", source.ldflags, "-o", output, "."];
  const child = spawn("go", args, {
    cwd: source.folder,
    env: { ...env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", (error) => {
      const why = `cannot run "go" (${error.message}), which builds the cluster's ${source.name}`;
      fail(new Error(`${why}: install Go 1.26 or newer (https://go.dev/dl/), or set WEFT_KUBE_BINARIES`));
    });
    child.once("exit", done);
  });
  if (code !== 0)
    throw new Error(`go ${args.join(" ")} in ${source.folder} exited with ${code}; its errors are above`);
}

async function goFiles(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name));
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
