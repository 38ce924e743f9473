/**
 * Every service of the cluster by address and by name, in about 130 bytes each.
 *
 * A proxy knows every service but calls few. So entries stay as text, side by side in one string for each namespace, with hash
 * tables of numbers beside it; an entry becomes an object when it is looked up. An index is immutable: applying a part gives a
 * new one that shares the other namespaces.
 */
import type { IndexEntry, IndexPart } from "../../crds/service-config.ts";

/** An entry with the namespace that it came from. */
export interface FoundEntry extends IndexEntry {
  readonly namespace: string;
}

export class ServiceIndex {
  static readonly empty = new ServiceIndex("", new Map());

  readonly #ownNamespace: string;
  readonly #shards: ReadonlyMap<string, Shard>;
  #addresses: AddressTable | undefined;

  private constructor(ownNamespace: string, shards: ReadonlyMap<string, Shard>) {
    this.#ownNamespace = ownNamespace;
    this.#shards = shards;
  }

  /** An index without services; those that are not exported to the namespace never get in. */
  static forNamespace(namespace: string): ServiceIndex {
    return new ServiceIndex(namespace, new Map());
  }

  /** This index with one namespace's services replaced. */
  with(part: IndexPart): ServiceIndex {
    const visible = part.services.filter(
      ({ exportTo }) => exportTo === undefined || this.#sees(exportTo, part.namespace),
    );
    const shards = new Map(this.#shards);
    shards.set(part.namespace, new Shard(part.namespace, visible));
    return new ServiceIndex(this.#ownNamespace, shards);
  }

  without(namespace: string): ServiceIndex {
    if (!this.#shards.has(namespace)) return this;
    const shards = new Map(this.#shards);
    shards.delete(namespace);
    return new ServiceIndex(this.#ownNamespace, shards);
  }

  /** Services that this proxy may see. */
  get size(): number {
    let size = 0;
    for (const shard of this.#shards.values()) size += shard.size;
    return size;
  }

  /** The service with this cluster IP. */
  byAddress(address: string): FoundEntry | undefined {
    this.#addresses ??= new AddressTable([...this.#shards.values()]);
    return this.#addresses.find(address);
  }

  /** A namespace's services as the JSON of a list, without those that are not for this proxy. */
  json(namespace: string): string {
    return `[${this.#shards.get(namespace)?.text ?? ""}]`;
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

  #hostShards(): Shard[] {
    const shards = [...this.#shards.values()].filter((shard) => shard.hasHosts);
    const own = (shard: Shard) => (shard.namespace === this.#ownNamespace ? 0 : 1);
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

/** One namespace's entries. */
class Shard {
  readonly namespace: string;
  /** The entries as JSON, with commas between them. */
  readonly text: string;
  /** Where each entry begins, and where one more would. */
  readonly #starts: Uint32Array;
  readonly #names: HashTable;
  readonly #hosts: ReadonlyMap<string, number> | undefined;
  /** Hash of each address and the entry that has it. */
  readonly addressHashes: Uint32Array;
  readonly addressEntries: Uint32Array;

  constructor(namespace: string, entries: readonly IndexEntry[]) {
    this.namespace = namespace;
    const texts = entries.map(({ exportTo: _, ...entry }) => JSON.stringify(entry));
    this.#starts = new Uint32Array(entries.length + 1);
    for (const [i, { length }] of texts.entries()) this.#starts[i + 1] = (this.#starts[i] ?? 0) + length + 1;
    this.text = flat(texts.join(","));
    this.#names = new HashTable(Uint32Array.from(entries, (entry) => hash(entry.name)));
    const hosts = entries.flatMap((entry, i) =>
      (entry.hosts ?? []).map((host) => [host.toLowerCase(), i] as const),
    );
    this.#hosts = hosts.length > 0 ? new Map(hosts) : undefined;
    const addresses = entries.flatMap((entry, i) =>
      entry.addresses.map((address) => [hash(address), i] as const),
    );
    this.addressHashes = Uint32Array.from(addresses, ([hashed]) => hashed);
    this.addressEntries = Uint32Array.from(addresses, ([, entry]) => entry);
  }

  get size(): number {
    return this.#starts.length - 1;
  }

  get hasHosts(): boolean {
    return this.#hosts !== undefined;
  }

  entry(index: number): FoundEntry {
    const text = this.text.slice(this.#starts[index], (this.#starts[index + 1] ?? 1) - 1);
    return { ...(JSON.parse(text) as IndexEntry), namespace: this.namespace };
  }

  byName(name: string): FoundEntry | undefined {
    return this.#names.find(hash(name), (i) => {
      const entry = this.entry(i);
      return entry.name === name && entry.hosts === undefined ? entry : undefined;
    });
  }

  byHost(host: string): FoundEntry | undefined {
    const index = this.#hosts?.get(host);
    return index === undefined ? undefined : this.entry(index);
  }
}

/** Every address of every shard. */
class AddressTable {
  readonly #shards: readonly Shard[];
  readonly #table: HashTable;
  /** For each address its shard and its entry there. */
  readonly #shardOf: Uint16Array | Uint32Array;
  readonly #entryOf: Uint32Array;

  constructor(shards: readonly Shard[]) {
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

/** Open addressing over 32-bit hashes: 8 to 16 bytes an item. The caller confirms, since hashes may collide. */
class HashTable {
  /** Item + 1; 0 is free. */
  readonly #slots: Uint32Array;
  readonly #hashes: Uint32Array;

  constructor(hashes: Uint32Array) {
    this.#hashes = hashes;
    const size = 2 ** Math.ceil(Math.log2(Math.max(hashes.length * 1.5, 2)));
    this.#slots = new Uint32Array(size);
    for (let i = 0; i < hashes.length; i++) {
      let slot = (hashes[i] ?? 0) & (size - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1);
      this.#slots[slot] = i + 1;
    }
  }

  find<T>(hashed: number, confirm: (item: number) => T | undefined): T | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = hashed & mask; ; slot = (slot + 1) & mask) {
      const item = (this.#slots[slot] ?? 0) - 1;
      if (item < 0) return undefined;
      if (this.#hashes[item] !== hashed) continue;
      const found = confirm(item);
      if (found !== undefined) return found;
    }
  }
}

/** FNV-1a, with a last mixing step since tables take the low bits. */
function hash(value: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/** A string that stands alone: a concatenation would keep its parts alive beside itself. */
function flat(value: string): string {
  return Buffer.from(value, "utf8").toString("utf8");
}
