/** One namespace's entries in the index of services, as packed JSON with tables beside it. */
import type { IndexEntry } from "../../../crds/service-config.ts";
import { type Block, parseBlock } from "../../address/cidr.ts";
import type { PackedList } from "../decode/packed-list.ts";
import { firstMember, memberIs, memberValue, nextMember } from "../decode/raw-json.ts";
import { type Decoder, ShapeError } from "../decode/shape.ts";
import { eachString, HashTable, hash, hashString, type Numbers, numbersUpTo } from "./hash-table.ts";

/** An entry with the namespace that it came from. */
export interface FoundEntry extends IndexEntry {
  readonly namespace: string;
}

/** A CIDR among an entry's addresses. */
interface AddressBlock {
  readonly has: Block;
  /** Of the prefix, in bits. */
  readonly length: number;
  readonly index: number;
}

export class IndexShard {
  readonly namespace: string;
  readonly #services: PackedList;
  readonly #decode: Decoder<IndexEntry>;
  /** Where each entry begins. */
  readonly #starts: Uint32Array;
  readonly #names: HashTable;
  readonly #hosts: ReadonlyMap<string, number> | undefined;
  readonly #addresses: HashTable;
  /** For each address the entry that has it. */
  readonly #holders: Numbers;
  readonly blocks: readonly AddressBlock[];
  readonly #opaque: readonly { readonly port: number; readonly index: number }[];

  constructor(
    namespace: string,
    services: PackedList,
    decode: Decoder<IndexEntry>,
    sees: (exportTo: readonly string[]) => boolean,
  ) {
    this.namespace = namespace;
    this.#services = services;
    this.#decode = decode;
    const starts: number[] = [];
    const names: number[] = [];
    const addresses: number[] = [];
    const holders: number[] = [];
    const hosts = new Map<string, number>();
    const blocks: AddressBlock[] = [];
    const opaque: { port: number; index: number }[] = [];
    services.each((start, text) => {
      let [name, its, special] = [-1, -1, false];
      for (let member = firstMember(text, 0); member >= 0; member = nextMember(text, member)) {
        if (memberIs(text, member, "name")) name = memberValue(text, member);
        else if (memberIs(text, member, "addresses")) its = memberValue(text, member);
        // Both are rare, and neither is worth a scanner of its own.
        else if (memberIs(text, member, "exportTo") || memberIs(text, member, "hosts")) special = true;
      }
      const entry = special ? this.#parse(start) : undefined;
      if (entry?.exportTo !== undefined && !sees(entry.exportTo)) return;
      const index = starts.push(start) - 1;
      names.push(hashString(text, name));
      eachString(text, its, (hashed) => {
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
    this.#names = new HashTable(names);
    this.#hosts = hosts.size > 0 ? hosts : undefined;
    this.#addresses = new HashTable(addresses);
    this.#holders = numbersUpTo(starts.length, holders.length);
    this.#holders.set(holders);
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
    const entry = this.#parse(this.#starts[index] ?? 0);
    return entry && { ...entry, namespace: this.namespace };
  }

  byName(name: string): FoundEntry | undefined {
    return this.#names.find(hash(name), (i) => {
      const entry = this.entry(i);
      return entry?.name === name && entry.hosts === undefined ? entry : undefined;
    });
  }

  byAddress(address: string): FoundEntry | undefined {
    return this.#addresses.find(hash(address), (i) => {
      const entry = this.entry(this.#holders[i] ?? 0);
      return entry?.addresses.includes(address) ? entry : undefined;
    });
  }

  byPort(port: number): FoundEntry[] {
    return this.#opaque.flatMap((each) => (each.port === port ? (this.entry(each.index) ?? []) : []));
  }

  byHost(host: string): FoundEntry | undefined {
    const index = this.#hosts?.get(host);
    return index === undefined ? undefined : this.entry(index);
  }

  #parse(start: number): IndexEntry | undefined {
    try {
      return this.#decode(JSON.parse(this.#services.element(start)));
    } catch (error) {
      if (error instanceof ShapeError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}
