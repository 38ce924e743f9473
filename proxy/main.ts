/** The proxy's executable: picks a command and loads only that. */
import { readConcurrency, readNumber, readOptions, UsageError } from "./commands/options.ts";

const VERSION = "0.1.0";
const READY_PORT = 15021;
const READY_TIMEOUT_SECONDS = 30;
/** Names the file that says that the redirection stands; unset where the init step ends before the sidecar starts. */
const REDIRECTION_MARK = "WEFT_REDIRECTION_MARK";

const HELP = `weft-proxy ${VERSION}: the data plane of Weft

usage:
  weft-proxy                run as a sidecar: settings come from the environment that the injector writes
  weft-proxy --config DIR [--concurrency N]
                            run alone, without Kubernetes: DIR/*.json says where calls go, DIR/proxy/proxy.json where to listen;
                            changes of either take effect at once; as N processes (1 by default, 0: one a core)
  weft-proxy init RULESET   apply nft rules, drop all capabilities, and stay until told to stop: the init step of a native sidecar
  weft-proxy wait [--port PORT] [--timeout SECONDS]
                            return when the sidecar in this pod is ready; by default within ${READY_TIMEOUT_SECONDS} s on port ${READY_PORT}
  weft-proxy completion bash|zsh|fish
                            print a script that completes all of this
  weft-proxy --version
  weft-proxy --help

examples:
  weft-proxy --config examples/standalone
  source <(weft-proxy completion bash)

exits with 0 when asked to end, 1 when it cannot start or goes on no longer, 2 for wrong usage
docs/standalone.md has the files of DIR
`;

async function main(args: readonly string[]): Promise<number> {
  const [command, argument] = args;
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  switch (command) {
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case "wait": {
      const options = readOptions(args.slice(1), ["--port", "--timeout"]);
      return (await import("./commands/wait.ts")).wait(
        readNumber(options, "--port", READY_PORT, 65_535),
        readNumber(options, "--timeout", READY_TIMEOUT_SECONDS, 86_400) * 1000,
        process.env[REDIRECTION_MARK],
      );
    }
    case "init":
      if (argument === undefined) throw new UsageError("init: expected a file of nft rules, found nothing");
      return (await import("./commands/init.ts")).init(argument, process.env[REDIRECTION_MARK]);
    case "hold": // what `init` goes on as, without its capabilities
      return (await import("./commands/init.ts")).hold(process.env[REDIRECTION_MARK]);
    case "completion":
      process.stdout.write((await import("./commands/completion.ts")).completion(argument));
      return 0;
    case undefined: {
      const { run } = await import("./commands/run.ts");
      return run(undefined, VERSION, readConcurrency("WEFT_CONCURRENCY", process.env.WEFT_CONCURRENCY));
    }
    case "--config":
    case "--concurrency": {
      const options = readOptions(args, ["--config", "--concurrency"]);
      const folder = options.get("--config");
      if (folder === undefined)
        throw new UsageError(
          "--concurrency: expected --config DIR beside it; a sidecar has WEFT_CONCURRENCY",
        );
      const concurrency = readConcurrency("--concurrency", options.get("--concurrency"));
      return (await import("./commands/run.ts")).run(folder, VERSION, concurrency);
    }
    default:
      throw new UsageError(`expected a command, found ${args.join(" ")}`);
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    process.stderr.write(`weft-proxy: ${error instanceof Error ? error.message : String(error)}\n`);
    if (isUsage) process.stderr.write("weft-proxy --help lists commands and options\n");
    process.exit(isUsage ? 2 : 1);
  },
);
