/**
 * The addresses behind names that endpoints have in place of an address (a ServiceEntry's `resolution: DNS`). A name is asked for
 * as long as some endpoint bears it: again when its answer expires, a minute later at most (Istio's dnsRefreshRate). Whoever
 * cannot be asked leaves the last answer standing; the answer that there is no address is an answer.
 */
import type { Answer } from "../../net/resolve.ts";
import { createBackoff } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Asks once; [] means that the name has no address, a rejection that it could not be found out. */
export type Resolve = (name: string) => Promise<readonly Answer[]>;

/** What is known of a name. */
export interface Resolved {
  /** The same array for as long as the addresses are the same. */
  readonly addresses: readonly string[];
  /** False until the first question has been answered, or has failed. */
  readonly settled: boolean;
}

export interface NamesOptions {
  readonly resolve: Resolve;
  readonly clock: Clock;
  readonly random: () => number;
  /** A name's addresses are others than before, or it has settled. */
  readonly changed: () => void;
  /** Once for each row of failures. */
  readonly failed: (name: string, error: unknown, addresses: readonly string[]) => void;
}

/** What a source says of such failures. */
export function logFailures(log: Log): NamesOptions["failed"] {
  return (name, error, addresses) =>
    log("warn", "a name could not be resolved; its last addresses stay", {
      name,
      error: String(error),
      addresses: addresses.length,
    });
}

const refreshMs = 60_000;
/** A name that says 0 or 1 s is not asked for more often. */
const leastMs = 5_000;
/** A question that is not answered by then has failed. */
const answerMs = 10_000;
const retry = { firstMs: 1_000, maxMs: refreshMs };
/** Of one name; more is a mistake or an attack. */
const maxAddresses = 256;
const none: readonly string[] = [];

export class Names {
  readonly #options: NamesOptions;
  readonly #names = new Map<string, Name>();

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** What is known of a name; it is asked for from now on. */
  of(name: string): Resolved {
    let known = this.#names.get(name);
    if (known === undefined) {
      known = new Name(name, this.#options);
      this.#names.set(name, known);
      known.ask();
    }
    return known;
  }

  /** Whether every name that is asked for has settled. */
  get settled(): boolean {
    return [...this.#names.values()].every(({ settled }) => settled);
  }

  /** Forgets every other name. */
  keepOnly(used: ReadonlySet<string>): void {
    for (const [name, known] of this.#names) {
      if (used.has(name)) continue;
      known.close();
      this.#names.delete(name);
    }
  }

  close(): void {
    this.keepOnly(new Set());
  }
}

class Name implements Resolved {
  addresses: readonly string[] = none;
  settled = false;
  readonly #name: string;
  readonly #options: NamesOptions;
  readonly #backoff;
  /** Ends the wait for an answer, or for the next question. */
  #cancel: () => void = () => {};
  #failing = false;
  /** Counts questions: an answer to an earlier one is too late. */
  #asked = 0;

  constructor(name: string, options: NamesOptions) {
    this.#name = name;
    this.#options = options;
    this.#backoff = createBackoff(options.random, retry);
  }

  ask(): void {
    const { clock, resolve } = this.#options;
    const asked = ++this.#asked;
    const once = (act: () => void) => {
      if (asked !== this.#asked) return;
      this.#asked++;
      this.#cancel();
      act();
    };
    const late = () => this.#failed(`not answered within ${answerMs} ms`);
    this.#cancel = clock.after(answerMs, () => once(late));
    resolve(this.#name).then(
      (answers) => once(() => this.#answered(answers)),
      (error: unknown) => once(() => this.#failed(error)),
    );
  }

  close(): void {
    this.#asked++;
    this.#cancel();
  }

  #answered(answers: readonly Answer[]): void {
    this.#backoff.reset();
    this.#failing = false;
    const given = new Set(answers.slice(0, maxAddresses).map(({ address }) => address));
    // Answers rotate: what stays keeps its place, so that whoever calls the first one goes on with it.
    const kept = this.addresses.filter((address) => given.has(address));
    const isSame = kept.length === this.addresses.length && kept.length === given.size;
    const addresses = isSame ? this.addresses : [...new Set([...kept, ...given])];
    const ttlMs = Math.min(...answers.map((answer) => answer.ttlMs || refreshMs), refreshMs);
    this.#next(Math.max(ttlMs, leastMs) * (0.9 + this.#options.random() / 10));
    this.#learn(addresses);
  }

  #failed(error: unknown): void {
    if (!this.#failing) this.#options.failed(this.#name, error, this.addresses);
    this.#failing = true;
    this.#next(this.#backoff.next());
    this.#learn(this.addresses);
  }

  #next(ms: number): void {
    this.#cancel = this.#options.clock.after(ms, () => this.ask());
  }

  #learn(addresses: readonly string[]): void {
    const isNew = !this.settled || addresses !== this.addresses;
    this.addresses = addresses;
    this.settled = true;
    if (isNew) this.#options.changed();
  }
}
