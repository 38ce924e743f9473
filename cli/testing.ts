import type { Client } from "../kube/index.ts";
import { systemClock } from "../kube/index.ts";
import type { Surroundings } from "./command.ts";
import { CommandError } from "./errors.ts";
import { run } from "./run.ts";

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly client?: Client;
}

/** Runs a command line in surroundings made of texts. */
export async function weft(argv: readonly string[], given: Given = {}): Promise<Answer> {
  let out = "";
  let err = "";
  const files = given.files ?? {};
  const surroundings: Surroundings = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    stdin: () => Promise.resolve(given.stdin ?? ""),
    read: (path) => {
      const text = files[path];
      return text === undefined
        ? Promise.reject(new CommandError(`${path}: not found`))
        : Promise.resolve(text);
    },
    list: (path) => {
      const inside = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      return Promise.resolve(inside.length > 0 || path === "empty" ? inside.sort() : undefined);
    },
    bundled: (name) => Promise.resolve(name === "install" ? bundledInstall : bundledSample),
    connect: () =>
      given.client ? Promise.resolve(given.client) : Promise.reject(new CommandError("no cluster")),
    clock: systemClock,
    version: "1.2.3",
  };
  const code = await run(argv, surroundings);
  return { code, out, err };
}

const bundledInstall = "apiVersion: v1\nkind: Namespace\nmetadata: {name: weft-system}\n";
const bundledSample =
  "apiVersion: mesh.weft.dev/v1alpha1\nkind: MeshInstallation\nmetadata: {name: default}\nspec: {}\n";
