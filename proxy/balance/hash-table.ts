/** What a consistent hash asks of its table: a ring, or Maglev's. */
import type { Candidate } from "./candidate.ts";

/** Where hashes lead. */
export interface HashTable {
  /** The slot that a hash falls into. */
  slotOf(hash: number): number;
  /** The slot after it: where the next candidate of the same key is looked for. */
  after(slot: number): number;
  /** The index, among the members, of the slot's owner. */
  owner(slot: number): number;
  readonly slots: number;
}

/** What table building needs of an endpoint. */
export type Member = Pick<Candidate, "address" | "target" | "weight">;
