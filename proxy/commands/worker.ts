/** What a process that shares its ports with others knows of that: told by the supervisor through its environment and by messages. */
import type { ListenOptions } from "../net/listen.ts";

/** Set for a worker: the ports of listeners by name, as JSON, once the first worker has them; `{}` for that one. */
export const WORKER_PORTS = "WEFT_WORKER_PORTS";
/** For one that runs from a folder: the text of the `proxy.json` in force, which need not be the one on disk. */
export const WORKER_FILE = "WEFT_WORKER_FILE";

export type Ports = Readonly<Record<string, number>>;

/** From the supervisor: another `proxy.json`, and the ports that a worker which has taken it got. */
export interface WorkerOrder {
  readonly file: string;
  readonly ports: Ports;
}

/** To the supervisor: what this worker listens on, of its own accord or as the answer to an order; or why an order is refused. */
export type WorkerReport =
  | { readonly kind: "listens" | "obeyed"; readonly ports: Ports }
  | { readonly kind: "refused"; readonly reason: string };

export interface Worker {
  /** The `proxy.json` to start with; undefined for a sidecar. */
  readonly file: string | undefined;
  /** The port of a listener that the others have, shared with them. */
  portOf(name: string): number | undefined;
  /** Calls when the supervisor is gone: nobody would end this worker. */
  orphaned(act: () => void): void;
  /** Tells the supervisor what this worker listens on. */
  listening(ports: Ports): void;
  /** Calls with each `proxy.json` to come; the supervisor is told the ports, or why it is refused. */
  onFile(take: (text: string) => Promise<Ports>): void;
}

/** A worker's own admin pages, for its supervisor alone. */
export const WORKER_ADMIN: ListenOptions = { host: "127.0.0.1", port: 0 };

/** Undefined for a proxy of one process. */
export function workerOf(env: Readonly<Record<string, string | undefined>>): Worker | undefined {
  const text = env[WORKER_PORTS];
  if (text === undefined) return undefined;
  let ports = JSON.parse(text) as Ports;
  const report = (message: WorkerReport) => void process.send?.(message);
  return {
    file: env[WORKER_FILE],
    portOf: (name) => ports[name],
    orphaned: (act) => void process.on("disconnect", act),
    listening: (listening) => report({ kind: "listens", ports: listening }),
    onFile: (take) =>
      void process.on("message", (message) => {
        const order = message as WorkerOrder;
        const previous = ports;
        ports = order.ports;
        take(order.file).then(
          (listening) => report({ kind: "obeyed", ports: listening }),
          (error: unknown) => {
            ports = previous;
            report({ kind: "refused", reason: error instanceof Error ? error.message : String(error) });
          },
        );
      }),
  };
}
