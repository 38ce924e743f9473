/**
 * The plaintext listeners of a proxy, which may become others while it runs. What stays keeps its socket, and with it the
 * connections that wait to be accepted; what goes accepts no more, and its connections live on. A change is prepared first, by
 * opening what is new, so that one that cannot be made changes nothing.
 */
import type { Accepted, Listener, ListenOptions, listen } from "../net/listen.ts";
import type { Destination } from "../net/original-destination.ts";

/** A listener, and for one that nothing redirects to, where its connections are to be taken to want to go. */
export interface ListenerSettings extends ListenOptions {
  readonly destination?: Destination | undefined;
}

/** Everything that a proxy listens on. */
export interface ListenerLayout {
  readonly outbound: readonly ListenerSettings[];
  readonly inbound: readonly ListenerSettings[];
  readonly mutual: ListenOptions | undefined;
  readonly admin: AdminLayout;
}

export interface AdminLayout {
  readonly all?: ListenOptions | undefined;
  readonly readiness?: ListenOptions | undefined;
  readonly metrics?: ListenOptions | undefined;
}

export type Accept = (accepted: Accepted) => void;

/** One listener as it is to be. */
export interface Wanted extends ListenerSettings {
  /** Unique: its place in the log and in the ports. */
  readonly name: string;
  readonly accept: Accept;
  /** The port that others who share it have got from the system; `port` is what was asked for. */
  readonly sharedPort?: number | undefined;
}

/** A change that can be made: exactly one of the two is to be called. */
export interface ListenerChange {
  commit(): void;
  abandon(): void;
}

interface Entry {
  wanted: Wanted;
  readonly listener: Listener;
}

export class Listeners {
  readonly #open: typeof listen;
  #entries: readonly Entry[] = [];

  constructor(open: typeof listen) {
    this.#open = open;
  }

  /** Ports by name. */
  get ports(): Record<string, number> {
    return Object.fromEntries(this.#entries.map(({ wanted, listener }) => [wanted.name, listener.port]));
  }

  /** Opens what is new. Throws ListenError when that is not possible; nothing is open then that was not. */
  prepare(wanted: readonly Wanted[]): ListenerChange {
    const kept = match(this.#entries, wanted);
    const added: Entry[] = [];
    const next: { readonly entry: Entry; readonly wanted: Wanted }[] = [];
    const abandon = () => {
      for (const { listener } of added) listener.stop();
    };
    try {
      for (const each of wanted) {
        const entry = kept.get(each) ?? this.#start(each);
        if (!kept.has(each)) added.push(entry);
        next.push({ entry, wanted: each });
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      abandon,
      commit: () => {
        const staying = new Set(kept.values());
        for (const entry of this.#entries) if (!staying.has(entry)) entry.listener.stop();
        for (const each of next) each.entry.wanted = each.wanted;
        this.#entries = next.map(({ entry }) => entry);
      },
    };
  }

  /** Stops those of which this holds: they accept no more. */
  stop(holds: (name: string) => boolean): void {
    for (const { wanted, listener } of this.#entries) if (holds(wanted.name)) listener.stop();
    this.#entries = this.#entries.filter(({ wanted }) => !holds(wanted.name));
  }

  #start(wanted: Wanted): Entry {
    const { host, shared, sharedPort } = wanted;
    const options = { host, port: sharedPort ?? wanted.port, ...(shared === undefined ? {} : { shared }) };
    const accept: Accept = (accepted) => {
      const { accept, destination } = entry.wanted;
      accept(destination === undefined ? accepted : { ...accepted, destination });
    };
    const entry: Entry = {
      wanted,
      listener: opening(wanted.name, options, () => this.#open(options, accept)),
    };
    return entry;
  }
}

/** Which of those there are serve which of the wanted: by the port they have; where the system chose it, by what they are for. */
function match(entries: readonly Entry[], wanted: readonly Wanted[]): Map<Wanted, Entry> {
  const found = new Map<Wanted, Entry>();
  const free = new Set(entries);
  const pair = (isSame: (each: Wanted, entry: Entry) => boolean) => {
    for (const each of wanted) {
      if (found.has(each)) continue;
      for (const entry of free) {
        if (entry.wanted.host !== each.host || !isSame(each, entry)) continue;
        free.delete(entry);
        found.set(each, entry);
        break;
      }
    }
  };
  pair((each, { listener }) => (each.sharedPort ?? each.port) === listener.port);
  const chosen = (each: Wanted, entry: Entry) =>
    each.port === 0 && each.sharedPort === undefined && entry.wanted.port === 0;
  pair((each, entry) => chosen(each, entry) && sameUse(each, entry.wanted));
  pair((each, entry) => chosen(each, entry) && each.accept === entry.wanted.accept);
  return found;
}

function sameUse(a: Wanted, b: Wanted): boolean {
  return (
    a.accept === b.accept &&
    a.destination?.address === b.destination?.address &&
    a.destination?.port === b.destination?.port
  );
}

/** An address that cannot be listened on. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Runs what opens a listener. Throws ListenError with the listener's name, its address and what to do. */
export function opening<T>(name: string, { host, port }: ListenOptions, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
    throw new ListenError(
      `${name}: cannot listen on ${host.includes(":") ? `[${host}]` : host}:${port}: ${reason}`,
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "the address is in use; end what listens there (`ss -ltnp` names it), or choose another port (0 lets the system choose)",
  EADDRNOTAVAIL: "no interface of this machine has the address (`ip address` lists those there are)",
  EACCES: "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one, or grant it",
};
