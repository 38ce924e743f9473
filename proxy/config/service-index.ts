/**
 * Every service of the cluster by address and by name, in some 160 bytes each.
 *
 * A proxy knows every service but calls few. So entries stay the JSON that they came as, with hash tables of numbers beside it;
 * an entry becomes an object when it is looked up. An index is immutable: applying a part gives a new one that shares the other
 * namespaces.
 */
import type { IndexEntry } from "../../crds/service-config.ts";
import { type Block, parseBlock, parseIp } from "../address/cidr.ts";
import { findMember, type RawList, skipValue } from "./raw-json.ts";
import { type Decoder, ShapeError } from "./shape.ts";

/** An entry with the namespace that it came from. */
export interface FoundEntry extends IndexEntry {
  readonly namespace: string;
}

export class ServiceIndex {
  readonly #ownNamespace: string;
  readonly #decode: Decoder<IndexEntry>;
  readonly #shards: ReadonlyMap<string, Shard>;
  #addresses: AddressTable | undefined;

  private constructor(ownNamespace: string, decode: Decoder<IndexEntry>, shards: ReadonlyMap<string, Shard>) {
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
    shards.set(namespace, new Shard(namespace, services, this.#decode, sees));
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

/** A CIDR among an entry's addresses. */
interface AddressBlock {
  readonly has: Block;
  /** Of the prefix, in bits. */
  readonly length: number;
  readonly index: number;
}

/** One namespace's entries. */
class Shard {
  readonly namespace: string;
  readonly services: RawList;
  readonly #decode: Decoder<IndexEntry>;
  /** Where each entry begins. */
  readonly #starts: Uint32Array;
  readonly #names: HashTable;
  readonly #hosts: ReadonlyMap<string, number> | undefined;
  /** Hash of each address and the entry that has it. */
  readonly addressHashes: Uint32Array;
  readonly addressEntries: Uint32Array;
  readonly blocks: readonly AddressBlock[];
  readonly #opaque: readonly { readonly port: number; readonly index: number }[];

  constructor(
    namespace: string,
    services: RawList,
    decode: Decoder<IndexEntry>,
    sees: (exportTo: readonly string[]) => boolean,
  ) {
    this.namespace = namespace;
    this.services = services;
    this.#decode = decode;
    const { bytes } = services;
    const starts: number[] = [];
    const names: number[] = [];
    const addresses: number[] = [];
    const holders: number[] = [];
    const hosts = new Map<string, number>();
    const blocks: AddressBlock[] = [];
    const opaque: { port: number; index: number }[] = [];
    services.each((start, end) => {
      // Both are rare, and neither is worth a scanner of its own.
      const special = findMember(bytes, start, "exportTo") >= 0 || findMember(bytes, start, "hosts") >= 0;
      const entry = special ? this.#parse(start, end) : undefined;
      if (entry?.exportTo !== undefined && !sees(entry.exportTo)) return;
      const index = starts.push(start) - 1;
      names.push(hashString(bytes, findMember(bytes, start, "name")));
      eachString(bytes, findMember(bytes, start, "addresses"), (hashed) => {
        addresses.push(hashed);
        holders.push(index);
      });
      if (entry?.hosts === undefined) return;
      for (const host of entry.hosts) hosts.set(host.toLowerCase(), index);
      for (const { port, protocol } of entry.addresses.length === 0 ? entry.ports : [])
        if (protocol === "tcp" || protocol === "auto") opaque.push({ port, index });
      for (const address of entry.addresses) {
        const has = address.includes("/") ? parseBlock(address) : undefined;
        if (has !== undefined) blocks.push({ has, length: Number(address.split("/")[1]), index });
      }
    });
    this.#starts = Uint32Array.from(starts);
    this.#names = new HashTable(Uint32Array.from(names));
    this.#hosts = hosts.size > 0 ? hosts : undefined;
    this.addressHashes = Uint32Array.from(addresses);
    this.addressEntries = Uint32Array.from(holders);
    this.blocks = blocks;
    this.#opaque = opaque;
  }

  get size(): number {
    return this.#starts.length;
  }

  get hasHosts(): boolean {
    return this.#hosts !== undefined;
  }

  /** Undefined for an entry that is malformed: it is as if it were not there. */
  entry(index: number): FoundEntry | undefined {
    const start = this.#starts[index] ?? 0;
    const entry = this.#parse(start, skipValue(this.services.bytes, start));
    return entry && { ...entry, namespace: this.namespace };
  }

  byName(name: string): FoundEntry | undefined {
    return this.#names.find(hash(name), (i) => {
      const entry = this.entry(i);
      return entry?.name === name && entry.hosts === undefined ? entry : undefined;
    });
  }

  byPort(port: number): FoundEntry[] {
    return this.#opaque.flatMap((each) => (each.port === port ? (this.entry(each.index) ?? []) : []));
  }

  byHost(host: string): FoundEntry | undefined {
    const index = this.#hosts?.get(host);
    return index === undefined ? undefined : this.entry(index);
  }

  #parse(start: number, end: number): IndexEntry | undefined {
    try {
      return this.#decode(JSON.parse(new TextDecoder().decode(this.services.bytes.subarray(start, end))));
    } catch (error) {
      if (error instanceof ShapeError || error instanceof SyntaxError) return undefined;
      throw error;
    }
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
  let h = fnvBasis;
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value.charCodeAt(i), fnvPrime);
  return mix(h);
}

/** The hash of the JSON string at `at`: names and addresses are ASCII without escapes. 0 where there is none. */
function hashString(bytes: Uint8Array, at: number): number {
  if (at < 0 || bytes[at] !== 0x22) return 0;
  let h = fnvBasis;
  const end = skipValue(bytes, at) - 1;
  for (let i = at + 1; i < end; i++) h = Math.imul(h ^ (bytes[i] ?? 0), fnvPrime);
  return mix(h);
}

/** The hashes of the strings in the list at `at`. */
function eachString(bytes: Uint8Array, at: number, visit: (hashed: number) => void): void {
  if (at < 0 || bytes[at] !== 0x5b) return;
  const end = skipValue(bytes, at);
  for (let i = at + 1; i < end; ) {
    if (bytes[i] !== 0x22) {
      i++;
      continue;
    }
    visit(hashString(bytes, i));
    i = skipValue(bytes, i);
  }
}

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

function mix(h: number): number {
  return Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) >>> 0;
}
