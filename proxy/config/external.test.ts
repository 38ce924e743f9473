import { describe, expect, it } from "vitest";
import type { Resolved } from "./services/resolved-names.ts";
import { request, setupWith } from "./snapshot.fixture.ts";
import { endpoint, endpointsObject, serviceObject } from "./testdata.ts";

/** `pay` as a ServiceEntry's host, with names that the test resolves. */
function setup(resolution: "NONE" | "STATIC" | "DNS" | "DNS_ROUND_ROBIN", ...addresses: string[]) {
  const answers = new Map<string, Resolved>();
  const used: string[][] = [];
  const made = setupWith(
    {
      names: {
        of: (name) => answers.get(name) ?? { addresses: [], settled: false },
        keepOnly: (names) => void used.push([...names]),
      },
    },
    serviceObject("shop", "pay", { resolution, host: "pay.example.com" }),
    slice(...addresses),
  );
  made.want("pay");
  return {
    ...made,
    used: () => used.at(-1),
    answer(name: string, ...to: string[]) {
      answers.set(name, { addresses: to, settled: true });
      made.snapshot.renamed();
      made.wait(0);
    },
    cluster() {
      const result = made.pay().route(request);
      return result.kind === "forward" ? result.cluster : expect.fail(result.kind);
    },
  };
}

const slice = (...addresses: string[]) =>
  endpointsObject(
    "shop",
    "pay",
    addresses.map((address) => endpoint(address, { dns: /[a-z]/.test(address), weight: 3 })),
  );

describe("endpoints that are names", () => {
  it("are the addresses that the names resolve to, each with what the name's endpoint has", () => {
    const { answer, lands, cluster } = setup("DNS", "a.example", "192.0.2.9");
    answer("a.example", "192.0.2.1", "192.0.2.2");
    expect(lands()).toBe("pay.example.com/@192.0.2.1,192.0.2.2,192.0.2.9");
    expect(cluster().endpoints.map(({ weight, target }) => [weight, target])).toEqual([
      [3, 8080],
      [3, 8080],
      [3, 8080],
    ]);
  });

  it("are waited for at first, for as long as for anything that is missing", () => {
    const { pay, wait, lands, snapshot } = setup("DNS", "a.example");
    expect([pay().loaded, snapshot.deadline()]).toEqual([false, 3_000]);
    wait(2_000);
    expect(lands()).toBe("pay.example.com/@");
  });

  it("that are new wait while the old ones serve", () => {
    const { answer, put, lands } = setup("DNS", "a.example");
    answer("a.example", "192.0.2.1");
    put(slice("b.example"));
    expect(lands()).toBe("pay.example.com/@192.0.2.1");
    answer("b.example", "192.0.2.2");
    expect(lands()).toBe("pay.example.com/@192.0.2.2");
  });

  it("go with their addresses, and what stays is the same endpoint", () => {
    const { answer, cluster } = setup("DNS", "a.example");
    answer("a.example", "192.0.2.1", "192.0.2.2");
    const [first, second] = cluster().endpoints;
    answer("a.example", "192.0.2.2");
    expect(cluster().endpoints).toEqual([second]);
    expect([first?.removed, second?.removed]).toEqual([true, false]);
    answer("a.example");
    expect(cluster().pick(0)).toBeUndefined();
  });

  it("by DNS_ROUND_ROBIN are one address at a time", () => {
    const { answer, lands } = setup("DNS_ROUND_ROBIN", "a.example");
    answer("a.example", "192.0.2.1", "192.0.2.2");
    expect(lands()).toBe("pay.example.com/@192.0.2.1");
  });

  it("are asked for no longer when the service has them no more", () => {
    const { answer, put, used } = setup("DNS", "a.example");
    answer("a.example", "192.0.2.1");
    expect(used()).toEqual(["a.example"]);
    put(slice("192.0.2.1"));
    expect(used()).toEqual([]);
  });
});

describe("a host whose resolution is NONE", () => {
  it("has the dialled address for its endpoint, the same one each time, and no other", () => {
    const { cluster } = setup("NONE");
    const dialled = cluster().at("192.0.2.7");
    expect(dialled).toMatchObject({ address: "192.0.2.7", target: 80, mtls: false, removed: false });
    expect(cluster().at("192.0.2.7")).toBe(dialled);
    expect(cluster().pick(0)).toBeUndefined();
    expect(cluster().originalDestination).toBe(true);
  });

  it("remembers the last thousand addresses", () => {
    const { cluster } = setup("NONE");
    const first = cluster().at("192.0.2.7");
    const second = cluster().at("192.0.2.8");
    for (let i = 0; i < 1_022; i++) cluster().at(`10.0.${i >> 8}.${i & 255}`);
    expect(cluster().at("192.0.2.7")).toBe(first);
    cluster().at("192.0.2.9");
    expect([first?.removed, second?.removed]).toEqual([false, true]);
  });
});
