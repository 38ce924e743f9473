/**
 * Credentials that policies name, read when a connection needs them. They stay in memory alone, and are read anew when a connection
 * comes that long after: a pod that opens no connections asks nothing of the API server.
 */
import type { Clock } from "../config/clock.ts";
import { type Credential, CredentialError, type ReadObject, readCredential } from "./credential.ts";

export interface CredentialsOptions {
  /** The pod's. */
  readonly namespace: string;
  readonly read: ReadObject;
  readonly clock: Clock;
}

/** A rotated credential is in use after that long. In ms, like all here. */
const FRESH_MS = 10_000;
/** After a failure: whoever mends it wants to see that. */
const RETRY_MS = 1_000;
/** How long a connection waits for news of a credential that is known. */
const NEWS_MS = 1_000;

interface Entry {
  known: Credential | undefined;
  refused: CredentialError | undefined;
  askAt: number;
  asked: Promise<Credential> | undefined;
}

export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /**
   * What a `credentialName` stands for; the same object for as long as it does not change. Without an answer from the API server
   * the last one holds. Throws or rejects with CredentialError when there is none to use, and with what `read` throws.
   */
  of(text: string): Credential | Promise<Credential> {
    const entry = this.#entries.get(text) ?? {
      known: undefined,
      refused: undefined,
      askAt: 0,
      asked: undefined,
    };
    this.#entries.set(text, entry);
    if (this.#options.clock.now() < entry.askAt) {
      if (entry.refused !== undefined) throw entry.refused;
      if (entry.known !== undefined) return entry.known;
    }
    entry.asked ??= this.#ask(text, entry);
    return entry.known === undefined ? entry.asked : this.#soon(entry.asked, entry.known);
  }

  async #ask(text: string, entry: Entry): Promise<Credential> {
    const { namespace, read, clock } = this.#options;
    let next = RETRY_MS;
    try {
      const found = await readCredential(text, namespace, read);
      if (entry.known === undefined || !isSame(entry.known, found)) entry.known = found;
      entry.refused = undefined;
      next = FRESH_MS;
      return entry.known;
    } catch (error) {
      if (error instanceof CredentialError) {
        // Taken away, by who may: nothing goes on with it.
        entry.known = undefined;
        entry.refused = error;
      }
      if (entry.known === undefined) throw error;
      return entry.known;
    } finally {
      entry.askAt = clock.now() + next;
      entry.asked = undefined;
    }
  }

  /** What is asked for, or what is known when that takes too long. */
  #soon(asked: Promise<Credential>, known: Credential): Promise<Credential> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(NEWS_MS, () => resolve(known));
      asked.then(resolve, reject).finally(cancel);
    });
  }
}

function isSame(a: Credential, b: Credential): boolean {
  return a.certificate === b.certificate && a.key === b.key && a.anchors === b.anchors && a.lists === b.lists;
}
