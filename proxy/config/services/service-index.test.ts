import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { indexEntry } from "../decode/decode.ts";
import { PackedList } from "../decode/packed-list.ts";
import { RawList } from "../decode/raw-json.ts";
import { entry } from "../testdata.ts";
import { ServiceIndex } from "./service-index.ts";

const empty = ServiceIndex.forNamespace("shop", indexEntry);
const packed = (services: readonly object[]) => PackedList.of(RawList.of(services));
const index = (namespace: string, ...services: object[]) => empty.with(namespace, packed(services));

describe("the index of services", () => {
  it("finds each of many services by name and by every address, and nothing else", () => {
    const name = fc.string({ unit: fc.constantFrom(..."abcdefgh-0123"), minLength: 1, maxLength: 12 });
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    const namespaces = fc.dictionary(
      name,
      fc.uniqueArray(fc.tuple(name, fc.array(address, { maxLength: 2 })), {
        selector: ([each]) => each,
        maxLength: 30,
      }),
      { maxKeys: 5 },
    );
    fc.assert(
      fc.property(namespaces, name, address, (given, absent, elsewhere) => {
        let all = empty;
        const holders = new Map<string, Set<string>>();
        for (const [namespace, services] of Object.entries(given)) {
          all = all.with(
            namespace,
            packed(services.map(([each, addresses]) => entry(namespace, each, { addresses }))),
          );
          for (const [each, addresses] of services) {
            for (const one of addresses)
              holders.set(one, (holders.get(one) ?? new Set()).add(`${namespace}/${each}`));
          }
        }
        for (const [namespace, services] of Object.entries(given)) {
          for (const [each, addresses] of services)
            expect(all.byName(namespace, each)).toMatchObject({ name: each, namespace, addresses });
          if (!services.some(([each]) => each === absent))
            expect(all.byName(namespace, absent)).toBeUndefined();
        }
        for (const [one, names] of holders) {
          const found = all.byAddress(one);
          expect([...names]).toContain(`${found?.namespace}/${found?.name}`);
        }
        if (!holders.has(elsewhere)) expect(all.byAddress(elsewhere)).toBeUndefined();
      }),
    );
  });

  it("replaces one namespace and shares the others", () => {
    const before = index("shop", entry("shop", "a", { addresses: ["10.0.0.1"] })).with(
      "bank",
      packed([entry("bank", "b")]),
    );
    const after = before.with("shop", packed([entry("shop", "c", { addresses: ["10.0.0.1"] })]));
    expect([before.byAddress("10.0.0.1")?.name, after.byAddress("10.0.0.1")?.name]).toEqual(["a", "c"]);
    expect([after.byName("shop", "a"), after.byName("bank", "b")?.name]).toEqual([undefined, "b"]);
    expect(after.without("bank").byName("bank", "b")).toBeUndefined();
    expect(after.without("nowhere")).toBe(after);
    expect(after.size).toBe(2);
  });

  it.each([
    [["bank"], false],
    [["shop", "bank"], true],
    [["*"], true],
    [["."], false],
    [[], false],
  ])("shows what another namespace exports to %j: %s", (exportTo, seen) => {
    expect(index("bank", entry("bank", "b", { exportTo })).byName("bank", "b") !== undefined).toBe(seen);
  });

  it("finds hosts by the CIDRs among their addresses: exact before CIDR, longer before shorter", () => {
    const host = (name: string, ...addresses: string[]) =>
      entry("bank", name, { addresses, hosts: [`${name}.example.com`] });
    const all = index("bank", host("wide", "198.18.0.0/15"), host("long", "198.18.7.0/24", "fd00::/8")).with(
      "shop",
      packed([entry("shop", "exact", { addresses: ["198.18.7.1"] })]),
    );
    const found = ["198.18.7.1", "198.18.7.2", "198.19.0.1", "fd00::1", "198.20.0.1", "no address"];
    expect(found.map((address) => all.byAddress(address)?.name)).toEqual([
      "exact",
      "long",
      "wide",
      "long",
      undefined,
      undefined,
    ]);
  });

  it("finds hosts without addresses by their ports for opaque TCP, the own namespace's first", () => {
    const host = (name: string, fields: object) =>
      entry("bank", name, { hosts: [`${name}.example.com`], ...fields });
    const on = (port: number, protocol: string) => ({ ports: [{ port, protocol }] });
    const all = index(
      "bank",
      host("tcp", on(5432, "tcp")),
      host("http", on(5432, "http")),
      host("known", { ...on(5432, "tcp"), addresses: ["198.18.0.1"] }),
      entry("bank", "service", { ports: [{ port: 5432, protocol: "tcp" }] }),
    ).with("shop", packed([host("any", on(5432, "auto"))]));
    expect(all.byPort(5432).map(({ name }) => name)).toEqual(["any", "tcp"]);
    expect(all.byPort(5433)).toEqual([]);
  });

  it("finds hosts: exact before wildcard, longer before shorter, the own namespace's first", () => {
    const all = index("bank", entry("bank", "1", { hosts: ["api.example.com", "*.com"] }))
      .with(
        "shop",
        packed([
          entry("shop", "2", { hosts: ["*.example.com"] }),
          entry("shop", "3", { hosts: ["API.example.com"] }),
        ]),
      )
      .with("alone", packed([entry("alone", "4", { hosts: ["*"] })]));
    const found = (host: string) => all.byHost(host)?.name;
    expect([
      found("api.example.com"),
      found("x.example.com"),
      found("a.b.example.com"),
      found("x.com"),
      found("org"),
    ]).toEqual(["3", "2", "2", "1", "4"]);
    expect(all.byName("bank", "1")).toBeUndefined();
  });

  it("treats an entry that is malformed as absent", () => {
    const all = index("shop", { name: "bad", addresses: ["10.0.0.1"] }, entry("shop", "good"));
    expect([all.byName("shop", "bad"), all.byAddress("10.0.0.1"), all.byName("shop", "good")?.name]).toEqual([
      undefined,
      undefined,
      "good",
    ]);
  });

  it("takes some 80 bytes a service", () => {
    const services = Array.from({ length: 1_000 }, (_, i) =>
      entry("shop", `service-number-${i}`, {
        addresses: [`198.19.${i >> 8}.${i & 255}`],
        ports: [{ port: 80, protocol: "http", name: "http" }],
      }),
    );
    // Beside the text: start 4, name hash 4, address hash 4 and holder 2, and both tables' slots, 2 × 4 at this load.
    expect(packed(services).byteLength / 1_000 + 22).toBeLessThan(85);
  });
});
