/** The proxy's executable: picks a command and loads only that. */

const VERSION = "0.1.0";
const READY_PORT = 15021;
const READY_TIMEOUT_SECONDS = 30;
/** Names the file that says that the redirection stands; unset where the init step ends before the sidecar starts. */
const REDIRECTION_MARK = "WEFT_REDIRECTION_MARK";

const HELP = `weft-proxy ${VERSION}: the data plane of Weft

  weft-proxy                run as a sidecar: settings come from the environment that the injector writes
  weft-proxy --config DIR [--concurrency N]
                            run alone, from a folder: DIR/*.json and DIR/proxy/proxy.json; as N processes (0: one a core)
  weft-proxy init RULESET   apply nft rules, drop all capabilities, and stay until told to stop: the init step of a native sidecar
  weft-proxy wait [--port PORT] [--timeout SECONDS]
                            return when the sidecar in this pod is ready; by default within ${READY_TIMEOUT_SECONDS} s on port ${READY_PORT}
  weft-proxy --version
  weft-proxy --help
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, argument] = args;
  switch (command) {
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case "--help":
      process.stdout.write(HELP);
      return 0;
    case "wait":
      return (await import("./commands/wait.ts")).wait(
        option(args, "--port", READY_PORT),
        option(args, "--timeout", READY_TIMEOUT_SECONDS) * 1000,
        process.env[REDIRECTION_MARK],
      );
    case "init":
      if (argument === undefined) break;
      return (await import("./commands/init.ts")).init(argument, process.env[REDIRECTION_MARK]);
    case "hold": // what `init` goes on as, without its capabilities
      return (await import("./commands/init.ts")).hold(process.env[REDIRECTION_MARK]);
    case undefined:
      return (await import("./commands/run.ts")).run(
        undefined,
        VERSION,
        workers(process.env.WEFT_CONCURRENCY),
      );
    case "--config":
      if (argument !== undefined)
        return (await import("./commands/run.ts")).run(argument, VERSION, workers(concurrencyOf(args)));
      break;
  }
  process.stderr.write(`weft-proxy: expected a command, found ${args.join(" ")}\n\n${HELP}`);
  return 2;
}

function concurrencyOf(args: readonly string[]): string | undefined {
  const at = args.indexOf("--concurrency");
  return at < 0 ? undefined : (args[at + 1] ?? "");
}

/** How many processes. Throws TypeError for what is no number of them. */
function workers(text: string | undefined): number {
  if (text === undefined) return 1;
  const value = Number(text);
  if (/^\d{1,3}$/.test(text) && value <= 256) return value;
  throw new TypeError(
    `concurrency: expected a whole number from 0 to 256, found ${text === "" ? "nothing" : text}`,
  );
}

/** The number after an option. Throws TypeError when it is none. */
function option(args: readonly string[], name: string, fallback: number): number {
  const at = args.indexOf(name);
  if (at < 0) return fallback;
  const value = Number(args[at + 1]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`${name}: expected a number, found ${args[at + 1] ?? "nothing"}`);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`weft-proxy: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
