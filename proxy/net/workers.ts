/** Processes that run this executable again. */

export interface Child {
  tell(message: object): void;
  /** Asks it to end, and resolves with its exit code. */
  stop(): Promise<number>;
}

export interface ChildEvents {
  said(message: unknown): void;
  /** It has ended, asked to or not. */
  ended(code: number): void;
}

/** This executable's own command: the compiled one is itself, else the runtime and its script. */
export function ownCommand(): string[] {
  const [, script = ""] = process.argv;
  return script.endsWith(".ts") ? [process.execPath, script] : [process.execPath];
}

/** Starts a worker; what it writes goes where ours goes. */
export function spawnWorker(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  events: ChildEvents,
): Child {
  const child = Bun.spawn([...command], {
    env: { ...env },
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (message) => events.said(message),
    onExit: (_child, code) => events.ended(code ?? 1),
  });
  return {
    tell: (message) => child.send(message),
    async stop() {
      child.kill("SIGTERM");
      return await child.exited;
    },
  };
}
