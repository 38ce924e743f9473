/** What a process that shares its ports with others knows of that: told by the supervisor through its environment. */
import type { ListenOptions } from "../net/listen.ts";

/** Set for a worker: the ports of listeners by name, as JSON, once the first worker has them; `{}` for that one. */
export const WORKER_PORTS = "WEFT_WORKER_PORTS";

export interface Worker {
  /** Where to listen: the port that the others have, shared with them. */
  share<T extends ListenOptions>(name: string, options: T): T & ListenOptions;
  /** Calls when the supervisor is gone: nobody would end this worker. */
  orphaned(act: () => void): void;
  /** Tells the supervisor what this worker listens on. */
  report(ports: Readonly<Record<string, number>>): void;
}

/** A worker's own admin pages, for its supervisor alone. */
export const WORKER_ADMIN: ListenOptions = { host: "127.0.0.1", port: 0 };

/** Undefined for a proxy of one process. */
export function workerOf(env: Readonly<Record<string, string | undefined>>): Worker | undefined {
  const text = env[WORKER_PORTS];
  if (text === undefined) return undefined;
  const ports = JSON.parse(text) as Record<string, number>;
  return {
    share: (name, options) => ({ ...options, port: ports[name] ?? options.port, shared: true }),
    orphaned: (act) => void process.on("disconnect", act),
    report: (listening) => void process.send?.(listening),
  };
}
