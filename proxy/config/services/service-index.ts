/**
 * Every service of the cluster by address and by name, in some 160 bytes each.
 *
 * A proxy knows every service but calls few. So entries stay the JSON that they came as, with hash tables of numbers beside it;
 * an entry becomes an object when it is looked up. An index is immutable: applying a part gives a new one that shares the other
 * namespaces.
 */
import type { IndexEntry } from "../../../crds/service-config.ts";
import { parseIp } from "../../address/cidr.ts";
import type { RawList } from "../decode/raw-json.ts";
import type { Decoder } from "../decode/shape.ts";
import { HashTable, hash } from "./hash-table.ts";
import { type FoundEntry, IndexShard } from "./index-shard.ts";

export class ServiceIndex {
  readonly #ownNamespace: string;
  readonly #decode: Decoder<IndexEntry>;
  readonly #shards: ReadonlyMap<string, IndexShard>;
  #addresses: AddressTable | undefined;

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
  with(namespace: string, services: RawList): ServiceIndex {
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
    this.#addresses ??= new AddressTable([...this.#shards.values()]);
    return this.#addresses.find(address) ?? this.#byBlock(address);
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
    const shards = [...this.#shards.values()].filter((shard) => shard.hasHosts);
    const own = (shard: IndexShard) => (shard.namespace === this.#ownNamespace ? 0 : 1);
    return shards.sort((a, b) => own(a) - own(b) || (a.namespace < b.namespace ? -1 : 1));
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

/** Every address of every shard. */
class AddressTable {
  readonly #shards: readonly IndexShard[];
  readonly #table: HashTable;
  /** For each address its shard and its entry there. */
  readonly #shardOf: Uint16Array | Uint32Array;
  readonly #entryOf: Uint32Array;

  constructor(shards: readonly IndexShard[]) {
    this.#shards = shards;
    const count = shards.reduce((sum, shard) => sum + shard.addressHashes.length, 0);
    const hashes = new Uint32Array(count);
    this.#shardOf = shards.length > 0xffff ? new Uint32Array(count) : new Uint16Array(count);
    this.#entryOf = new Uint32Array(count);
    let at = 0;
    for (const [i, shard] of shards.entries()) {
      hashes.set(shard.addressHashes, at);
      this.#entryOf.set(shard.addressEntries, at);
      const end = at + shard.addressHashes.length;
      this.#shardOf.fill(i, at, end);
      at = end;
    }
    this.#table = new HashTable(hashes);
  }

  find(address: string): FoundEntry | undefined {
    return this.#table.find(hash(address), (i) => {
      const entry = this.#shards[this.#shardOf[i] ?? 0]?.entry(this.#entryOf[i] ?? 0);
      return entry?.addresses.includes(address) ? entry : undefined;
    });
  }
}
