/** The listener for mutual TLS: open as soon as there is a certificate, where the layout says. */
import type { Identity } from "../identity/source.ts";
import type { MutualListener } from "../net/tls.ts";
import { type ListenerChange, opening, type Wanted } from "./listeners.ts";

/** Where it is to listen. */
export type WantedMutual = Pick<Wanted, "host" | "port" | "shared" | "sharedPort">;

type Open = (where: WantedMutual, identity: Identity) => MutualListener;

export class Mutual {
  readonly #open: Open;
  #wanted: WantedMutual | undefined;
  #listener: MutualListener | undefined;
  #stopped = false;

  constructor(open: Open) {
    this.#open = (where, identity) => opening("mutual", where, () => open(where, identity));
  }

  /** Whether it is to listen, certificate or not. */
  get isWanted(): boolean {
    return this.#wanted !== undefined;
  }

  /** Undefined while it does not listen. */
  get port(): number | undefined {
    return this.#listener?.port;
  }

  /** Opens it elsewhere, when it is to listen elsewhere. Throws ListenError; nothing has changed then. */
  prepare(wanted: WantedMutual | undefined, identity: Identity | undefined): ListenerChange {
    const previous = this.#listener;
    const isSame = previous !== undefined && this.#isAt(wanted, previous.port);
    const next =
      isSame || wanted === undefined || identity === undefined ? undefined : this.#open(wanted, identity);
    return {
      abandon: () => next?.stop(),
      commit: () => {
        this.#wanted = wanted;
        if (isSame) return;
        this.#listener = next;
        previous?.stop();
      },
    };
  }

  /** Serves new connections with this certificate; true when it served with another before. */
  use(identity: Identity | undefined): boolean {
    if (identity === undefined || this.#wanted === undefined || this.#stopped) return false;
    if (this.#listener === undefined) {
      this.#listener = this.#open(this.#wanted, identity);
      return false;
    }
    this.#listener.rotate(identity);
    return true;
  }

  /** Accepts no more. */
  stop(): void {
    this.#stopped = true;
    this.#listener?.stop();
  }

  #isAt(wanted: WantedMutual | undefined, port: number): boolean {
    if (wanted === undefined || wanted.host !== this.#wanted?.host) return false;
    const asked = wanted.sharedPort ?? wanted.port;
    return asked === port || (asked === 0 && this.#wanted.port === 0);
  }
}
