import { spawn } from "node:child_process";

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs a program and returns its standard output; rejects with the end of its standard error when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(command, [...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  child.stdin.on("error", () => undefined); // A program may end without reading all of it.
  child.stdin.end(options.input ?? "");
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", (error) => fail(new Error(`cannot run ${command}: ${error.message}`)));
    child.once("close", done);
  });
  if (code === 0) return Buffer.concat(output).toString();
  const said = Buffer.concat([...errors, ...output])
    .toString()
    .trim()
    .split("\n")
    .slice(-20)
    .join("\n");
  throw new Error(`${command} ${args.join(" ")} exited with ${code}:\n${said}`);
}

/** Polls `check` every `intervalMs` until it returns something else than undefined; rejects after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  check: () => Promise<T | undefined>,
  intervalMs = 50,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s`);
    await new Promise((done) => setTimeout(done, intervalMs));
  }
}
