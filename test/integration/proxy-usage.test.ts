import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { workloadObject } from "../../proxy/config/testdata.ts";
import { bunPath } from "../support/bun.ts";
import { TestServer } from "../support/server.ts";

/** `weft-proxy` on the command line, by people who run it for the first time. */
const main = join(import.meta.dirname, "../../proxy/main.ts");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-usage-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function run(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn(bunPath(), [main, ...args], { env: {}, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.on("data", (data) => {
    output += String(data);
  });
  child.stderr.on("data", (data) => {
    errors += String(data);
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, output, errors };
}

/** Files by their names in the folder; what is no text is written as JSON. */
async function write(files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
}

describe("weft-proxy", () => {
  it.each([["--help"], ["-h"], ["wait", "--help"], ["--config", "--help"]])("helps: %j", async (...args) => {
    const { code, output } = await run(...args);
    expect(code).toBe(0);
    for (const each of ["--config DIR [--concurrency N]", "examples:", "exits with 0", "completion"])
      expect(output).toContain(each);
  });

  it.each(["bash", "zsh", "fish"])("completes in %s", async (shell) => {
    const { code, output } = await run("completion", shell);
    expect(code).toBe(0);
    for (const each of ["wait", "concurrency", "timeout"]) expect(output).toContain(each);
  });

  it.each([
    [["nonsense"], "expected a command, found nonsense"],
    [["--config"], "--config: expected a value, found nothing"],
    [
      ["--config", "DIR", "--concurency", "2"],
      'expected one of --config, --concurrency, found "--concurency"',
    ],
    [
      ["--config", "DIR", "--concurrency", "-1"],
      "--concurrency: expected a whole number from 0 (one a core)",
    ],
    [["--concurrency", "2"], "--concurrency: expected --config DIR beside it"],
    [["wait", "--port", "http"], '--port: expected a number from 0 to 65535, found "http"'],
    [["init"], "init: expected a file of nft rules, found nothing"],
    [["completion", "tcsh"], 'completion: expected bash, zsh, fish, found "tcsh"'],
  ])("refuses wrong usage with 2: %j", async (args, message) => {
    const { code, errors } = await run(...args);
    expect(code).toBe(2);
    expect(errors).toContain(`weft-proxy: ${message}`);
    expect(errors).toContain("--help lists");
  });

  it.each([
    ["that is not there", {}, "none", "none, which is not there or may not be read"],
    ["that is a file", { file: "" }, "file", "file, which is no folder"],
    [
      "without proxy.json",
      { "d/a.json": {} },
      "d",
      "d/proxy/proxy.json: expected the file that says where to listen",
    ],
    [
      "with half of a proxy.json",
      { "proxy/proxy.json": "{" },
      "",
      "line 1, column 2: expected a member's name in quotes",
    ],
    [
      "with an unknown member",
      { "proxy/proxy.json": { listen: 1 } },
      "",
      "listen: expected one of outbound, inbound",
    ],
    [
      "without objects",
      { "proxy/proxy.json": {} },
      "",
      "expected a WorkloadConfig in one of its *.json files, found none",
    ],
    [
      "with half of an object",
      { "proxy/proxy.json": {}, "a.json": '{\n"kind": }' },
      "",
      "a.json: expected JSON: line 2, column 9: expected a value",
    ],
    [
      "without its certificate",
      { "proxy/proxy.json": { identity: { certificate: "c.pem", key: "k.pem", trust: "t.pem" } } },
      "",
      "proxy/proxy.json: identity.certificate: cannot read ",
    ],
  ])("says of a folder %s what is wrong with it", async (_, files, name, message) => {
    await write(files);
    const { code, errors } = await run("--config", join(folder, name));
    expect(code).toBe(1);
    expect(errors).toContain(message);
  });

  it.each([[[]], [["--concurrency", "2"]]])("says which address is in use %j", async (args) => {
    await using server = await TestServer.start(() => {});
    const admin = `127.0.0.1:${server.port}`;
    await write({ "proxy/proxy.json": { admin }, "a.json": workloadObject("demo", "client") });
    const { code, errors } = await run("--config", folder, ...args);
    expect(code).toBe(1);
    expect(errors).toContain(`weft-proxy: admin: cannot listen on ${admin}: the address is in use`);
  });
});
