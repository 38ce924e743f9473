import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { commands } from "./commands/index.ts";
import { weft } from "./testing.ts";

const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: good}
spec:
  hosts: [a]
  http:
  - route:
    - destination: {host: a}
`;
const bad = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad, namespace: shop}
spec:
  hosts: [a]
  http:
  - route:
    - destination: {host: a}
      weight: -1
    - destination: {}
`;

describe("weft", () => {
  test("without a command prints the overview and says that this is wrong use", async () => {
    const { code, out } = await weft([]);
    expect(code).toBe(2);
    for (const command of commands) expect(out).toContain(`  ${command.name}`);
  });

  test("--help prints the overview", async () => {
    expect(await weft(["--help"])).toMatchObject({ code: 0, err: "" });
  });

  test("names the commands there are when it does not know one", async () => {
    const { code, err } = await weft(["instal"]);
    expect(code).toBe(2);
    expect(err).toContain(
      'found command "instal"; expected one of install, uninstall, validate, version, completion',
    );
  });

  test.each(commands.map((command) => command.name))(
    "%s --help has usage, options, examples and exit codes",
    async (name) => {
      const { code, out } = await weft([name, "--help"]);
      expect(code).toBe(0);
      for (const part of [`usage: weft ${name}`, "--help", "examples:", "exit codes:"])
        expect(out).toContain(part);
      expect((await weft(["help", name])).out).toBe(out);
    },
  );

  test("says how a command is used when an option is unknown", async () => {
    const { code, err } = await weft(["validate", "--fil", "a"]);
    expect(code).toBe(2);
    expect(err).toBe(
      "weft validate: found unknown option --fil; expected one of -f/--file, -n/--namespace, -o/--output\nusage: weft validate [OPTIONS]\nnext: weft validate --help\n",
    );
  });
});

describe("weft validate", () => {
  test("takes valid manifests", async () => {
    expect(await weft(["validate", "-f", "-"], { stdin: good })).toEqual({
      code: 0,
      out: "1 object checked, 0 invalid\n",
      err: "",
    });
  });

  test("names file, line, object and field of every error", async () => {
    const { code, out } = await weft(["validate", "-f", "m"], {
      files: { "m/a.yaml": good, "m/b.yaml": `${good}---\n${bad}` },
    });
    expect(code).toBe(1);
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toBe("m/b.yaml:10 VirtualService bad");
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}error: line 18: spec\.http\[0\]\.route\[0\]\.weight: .*-1/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {2}error: line 19: spec\.http\[0\]\.route\[1\]\.destination\.host: Required/),
    );
    expect(lines.at(-1)).toBe("3 objects checked, 1 invalid");
  });

  test("answers in JSON for programs", async () => {
    const { code, out } = await weft(["validate", "-f", "b", "-o", "json"], { files: { b: bad } });
    expect(code).toBe(1);
    const { results } = JSON.parse(out) as { results: { findings: unknown[] }[] };
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({
      file: "b",
      line: 1,
      kind: "VirtualService",
      name: "bad",
      namespace: "shop",
    });
    expect(results[0]?.findings).toContainEqual(
      expect.objectContaining({
        level: "error",
        field: "spec.http[0].route[0].weight",
        line: 9,
        reason: "FieldValueInvalid",
      }),
    );
  });

  test("reports what is no YAML, and goes on", async () => {
    const { code, out } = await weft(["validate", "-f", "-"], { stdin: `a: [1\n---\n${good}` });
    expect(code).toBe(1);
    expect(out).toMatch(/^<stdin>:2\n {2}error: line 2: Flow sequence .*\n2 objects checked, 1 invalid\n$/);
  });

  const refused = [
    [["validate"], 2, "found no file; expected -f FILE, -f FOLDER or -f -"],
    [["validate", "a.yaml"], 2, 'found "a.yaml"; expected files as -f FILE'],
    [["validate", "-f", "none"], 1, "none: not found"],
    [["validate", "-f", "empty"], 1, "empty: found no .yaml, .yml or .json file in this folder"],
  ] as const;
  test.each(refused)("%j is refused", async (argv, code, says) => {
    const answer = await weft(argv);
    expect(answer.code).toBe(code);
    expect(answer.err).toContain(says);
  });
});

describe("weft install --dry-run", () => {
  test("prints the operator and the mesh without asking a cluster", async () => {
    const { code, out, err } = await weft(["install", "--dry-run"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/kind: Namespace[\s\S]*---\n[\s\S]*kind: MeshInstallation/);
  });

  const cases = [
    ["kind: Service\nmetadata: {name: a}\n", "found Service; expected one MeshInstallation"],
    ["", "found nothing; expected one MeshInstallation"],
    ["a: [\n", "m:"],
    ["kind: MeshInstallation\n", "m:1: found no metadata"],
  ] as const;
  test.each(cases)("refuses %j as a mesh", async (text, says) => {
    const { code, err } = await weft(["install", "--dry-run", "-f", "m"], { files: { m: text } });
    expect(code).toBe(1);
    expect(err).toContain(says);
  });

  test("refuses a timeout without a unit", async () => {
    const { code, err } = await weft(["install", "--timeout", "5"]);
    expect(code).toBe(2);
    expect(err).toContain("found --timeout 5; expected a number and a unit, such as 90s or 5m");
  });
});

describe("weft completion", () => {
  test.each(["bash", "zsh", "fish"])("for %s names every command", async (shell) => {
    const { code, out } = await weft(["completion", shell]);
    expect(code).toBe(0);
    for (const command of commands) expect(out).toContain(command.name);
  });

  test("for bash completes commands, options and values", async () => {
    const { out } = await weft(["completion", "bash"]);
    const complete = (...words: string[]) => {
      const script = `${out}\nCOMP_WORDS=(weft ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _weft; echo "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
      expect(stderr).toBe("");
      return stdout.trim().split(" ");
    };
    expect(complete("un")).toEqual(["uninstall"]);
    expect(complete("install", "--d")).toEqual(["--dry-run"]);
    expect(complete("validate", "-o", "j")).toEqual(["json"]);
    expect(complete("completion", "z")).toEqual(["zsh"]);
  });

  test("refuses other shells", async () => {
    const { code, err } = await weft(["completion", "tcsh"]);
    expect(code).toBe(2);
    expect(err).toContain('found "tcsh"; expected one of bash, zsh, fish');
  });
});

test("weft version --client asks no cluster", async () => {
  expect(await weft(["version", "--client"])).toEqual({ code: 0, out: "weft 1.2.3\n", err: "" });
  expect((await weft(["version", "--client", "-o", "json"])).out).toBe('{"client":"1.2.3"}\n');
  expect(await weft(["version"])).toMatchObject({ code: 1, err: "weft version: no cluster\n" });
});
