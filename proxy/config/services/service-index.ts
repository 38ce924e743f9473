/**
 * Every service of the cluster by address and by name, in some 80 bytes each.
 *
 * A proxy knows every service but calls few. So entries stay JSON, packed, with hash tables of numbers beside it; an entry
 * becomes an object when it is looked up. An index is immutable: applying a part gives a new one that shares the other
 * namespaces. A lookup that no namespace answers asks them all: who asks remembers the answer.
 */
import type { IndexEntry } from "../../../crds/service-config.ts";
import { parseIp } from "../../address/cidr.ts";
import type { PackedList } from "../decode/packed-list.ts";
import type { Decoder } from "../decode/shape.ts";
import { type FoundEntry, IndexShard } from "./index-shard.ts";

export class ServiceIndex {
  readonly #ownNamespace: string;
  readonly #decode: Decoder<IndexEntry>;
  /** By namespace. */
  readonly #shards: ReadonlyMap<string, IndexShard>;
  /** The own namespace's first. */
  #ordered: readonly IndexShard[] | undefined;

  private constructor(
    ownNamespace: string,
    decode: Decoder<IndexEntry>,
    shards: ReadonlyMap<string, IndexShard>,
  ) {
    this.#ownNamespace = ownNamespace;
    this.#decode = decode;
    this.#shards = shards;
  }

  /** An index without services; those that are not exported to the namespace are never found. */
  static forNamespace(namespace: string, decode: Decoder<IndexEntry>): ServiceIndex {
    return new ServiceIndex(namespace, decode, new Map());
  }

  /** This index with one namespace's services replaced. */
  with(namespace: string, services: PackedList): ServiceIndex {
    const shards = new Map(this.#shards);
    const sees = (exportTo: readonly string[]) => this.#sees(exportTo, namespace);
    shards.set(namespace, new IndexShard(namespace, services, this.#decode, sees));
    return new ServiceIndex(this.#ownNamespace, this.#decode, shards);
  }

  without(namespace: string): ServiceIndex {
    if (!this.#shards.has(namespace)) return this;
    const shards = new Map(this.#shards);
    shards.delete(namespace);
    return new ServiceIndex(this.#ownNamespace, this.#decode, shards);
  }

  /** Services that this proxy may see. */
  get size(): number {
    let size = 0;
    for (const shard of this.#shards.values()) size += shard.size;
    return size;
  }

  /** The service with this cluster IP, or whose CIDR is the longest that has the address; the own namespace's before others'. */
  byAddress(address: string): FoundEntry | undefined {
    for (const shard of this.#inOrder()) {
      const entry = shard.byAddress(address);
      if (entry !== undefined) return entry;
    }
    return this.#byBlock(address);
  }

  #byBlock(address: string): FoundEntry | undefined {
    const shards = this.#hostShards();
    const blocks = shards.flatMap((shard) => shard.blocks.map((each) => ({ ...each, shard })));
    if (blocks.length === 0) return undefined;
    const ip = parseIp(address);
    if (ip === undefined) return undefined;
    const [longest] = blocks.filter(({ has }) => has(ip)).sort((a, b) => b.length - a.length);
    return longest?.shard.entry(longest.index);
  }

  byName(namespace: string, name: string): FoundEntry | undefined {
    return this.#shards.get(namespace)?.byName(name);
  }

  /** An entry by one of its `hosts`: exact before wildcard, longer before shorter; the own namespace's before others'. */
  byHost(host: string): FoundEntry | undefined {
    const shards = this.#hostShards();
    for (let pattern: string | undefined = host; pattern !== undefined; pattern = wider(pattern)) {
      for (const shard of shards) {
        const entry = shard.byHost(pattern);
        if (entry !== undefined) return entry;
      }
    }
    return undefined;
  }

  /** Entries with `hosts` and without addresses that have a port on which anything may be spoken. */
  byPort(port: number): FoundEntry[] {
    return this.#hostShards().flatMap((shard) => shard.byPort(port));
  }

  #hostShards(): IndexShard[] {
    return this.#inOrder().filter((shard) => shard.hasHosts);
  }

  #inOrder(): readonly IndexShard[] {
    const own = (shard: IndexShard) => (shard.namespace === this.#ownNamespace ? 0 : 1);
    this.#ordered ??= [...this.#shards.values()].sort(
      (a, b) => own(a) - own(b) || (a.namespace < b.namespace ? -1 : 1),
    );
    return this.#ordered;
  }

  #sees(exportTo: readonly string[], from: string): boolean {
    return exportTo.some(
      (to) => to === "*" || to === this.#ownNamespace || (to === "." && from === this.#ownNamespace),
    );
  }
}

/** `a.b.c`, then `*.b.c`, then `*.c`, then `*`; undefined at the end. */
function wider(pattern: string): string | undefined {
  if (pattern === "*") return undefined;
  const rest = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  const dot = rest.indexOf(".");
  return dot < 0 ? "*" : `*${rest.slice(dot)}`;
}
