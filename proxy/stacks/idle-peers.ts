/**
 * Bounds the memory of peers that say nothing. The runtime keeps a peer's certificate for as long as its connection, so some
 * thousand idle ones fill a sidecar's memory, and a process that is killed for it drops them all. Above the bound the oldest that
 * are idle are asked to end, as when their idle time is over: their clients open another when they need one.
 */
import type { Drainable, Register } from "./connections.ts";

export interface Peer extends Drainable {
  /** Nothing is under way, and it has not been asked to end. */
  readonly idle: boolean;
}

/** The runtime's TLS and ours together, as `test/integration/idle-peers.test.ts` prints it; HTTP/2 takes a little more. */
const PEER_BYTES = 20 * 1024;
/** Of the memory: the rest is for what is under way. */
const SHARE = 0.5;
/** Looked at for each connection that is one too many. */
const LOOKED_AT = 32;

/** How many peers may be connected before idle ones have to end, by the memory that the process may have, in bytes. */
export function mostIdlePeers(memoryBytes: number): number {
  return Math.floor((memoryBytes * SHARE) / PEER_BYTES);
}

export class IdlePeers implements Register<Peer> {
  readonly #register: Register<Drainable>;
  readonly #most: number;
  readonly #ends: () => void;
  /** Those that were found busy are behind the others. */
  readonly #open = new Set<Peer>();

  /** `ends` is told of each that is asked to end. */
  constructor(register: Register<Drainable>, most: number, ends: () => void) {
    this.#register = register;
    this.#most = most;
    this.#ends = ends;
  }

  add(peer: Peer): void {
    this.#register.add(peer);
    this.#open.add(peer);
    if (this.#open.size > this.#most) this.#endOne(peer);
  }

  delete(peer: Peer): void {
    this.#open.delete(peer);
    this.#register.delete(peer);
  }

  #endOne(newest: Peer): void {
    let looked = 0;
    for (const peer of this.#open) {
      if (peer === newest || ++looked > LOOKED_AT) return;
      if (peer.idle) {
        this.#ends();
        peer.drain(true);
        return;
      }
      this.#open.delete(peer);
      this.#open.add(peer);
    }
  }
}
