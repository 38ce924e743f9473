/** The conditions and weights of TCP and TLS routes. */
import { beforeAll, expect, it } from "vitest";
import { app, apply, eventually, get } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { clearMesh, client, entries, host, istio, ns, tlsEntry, wire } from "./scene.ts";

/** What a client meets, and what it nearly meets. */
const conditions = (address: string) =>
  [
    [
      "the address that it called",
      { destinationSubnets: [`${address}/31`] },
      { destinationSubnets: ["192.0.2.0/24"] },
    ],
    ["the client's labels", { sourceLabels: { app: "order-service" } }, { sourceLabels: { app: "other" } }],
    ["sidecars", { gateways: ["mesh"] }, { gateways: ["ingress"] }],
    ["the client's namespace", { sourceNamespace: ns }, { sourceNamespace: "other" }],
  ] as const;
const names = conditions("").map(([name], index) => [name, index] as const);

/** To a port of the pods that the one which was called does not lead to. */
const to = (version: string, number: number) => ({ host: wire, subset: version, port: { number } });
const route = (version: string, port: number) => [{ destination: to(version, port) }];
const weights = (port: number) => [
  { destination: to("v1", port), weight: 25 },
  { destination: to("v2", port), weight: 75 },
];
const serverName = (index: number | string) => `c${index}.wire.example`;
const [first = 0] = entries;
const weighted = entries.at(-1) ?? 0;

async function routes(): Promise<object> {
  const { spec } = await get<{ spec: { clusterIP: string } }>(["service", wire, "-n", ns]);
  const all = conditions(spec.clusterIP);
  return istio("VirtualService", wire, {
    hosts: [wire, "*.wire.example"],
    tcp: [
      ...all.flatMap(([, hit, miss], index) => {
        const port = first + index;
        return [
          { match: [{ port, ...miss }], route: route("v1", 9081) },
          { match: [{ port, ...hit }], route: route("v2", 9081) },
          { match: [{ port }], route: route("v1", 9081) },
        ];
      }),
      { match: [{ port: weighted }], route: weights(9081) },
    ],
    tls: [
      ...all.flatMap(([, hit, miss], index) => {
        const match = { port: tlsEntry, sniHosts: [serverName(index)] };
        return [
          { match: [{ ...match, ...miss }], route: route("v1", 9083) },
          { match: [{ ...match, ...hit }], route: route("v2", 9083) },
          { match: [match], route: route("v1", 9083) },
        ];
      }),
      { match: [{ port: tlsEntry, sniHosts: [serverName("weights")] }], route: weights(9083) },
    ],
  });
}

/** Which versions answered connections to a port, in plaintext by their greeting, over TLS by a request. */
async function versions(port: number, count: number, name?: string): Promise<string[]> {
  const request = "GET / HTTP/1.1\r\nHost: wire\r\n\r\n";
  const tls = name === undefined ? [] : ["--servername", name, "--send", request, "--until", '"version":"v'];
  const args = ["--to", `${wire}:${port}`, "--connections", String(count), ...tls];
  const outcomes = await app<{ received: string }[]>(ns, client, "connect", ...args);
  return outcomes.map(
    ({ received }) => /"version":"(v\d)/.exec(received)?.[1] ?? greeting.exec(received)?.[1] ?? "",
  );
}
const greeting = new RegExp(`^220 ${host} (v\\d) ready`);

function expectWeights(found: readonly string[]): void {
  // Binomial(120, 0.75): mean 90, standard deviation 4.7.
  const v2 = found.filter((each) => each === "v2").length;
  expect(v2).toBeGreaterThan(90 - 30);
  expect(v2).toBeLessThan(90 + 30);
  expect(found.filter((each) => each === "v1").length).toBe(120 - v2);
}

export function opaqueTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(subsets(ns, wire), await routes());
    await eventually("the routes in force", async () => (await versions(first + 2, 1))[0] === "v2");
  });

  it.each(names)("TCP is led by %s", async (_, index) => {
    expect(await versions(first + index, 3)).toEqual(["v2", "v2", "v2"]);
  });

  it.each(names)("TLS is led by %s", async (_, index) => {
    expect(await versions(tlsEntry, 3, serverName(index))).toEqual(["v2", "v2", "v2"]);
  });

  it("TCP is shared out by weight", async () => {
    expectWeights(await versions(weighted, 120));
  });

  it("TLS is shared out by weight", async () => {
    expectWeights(await versions(tlsEntry, 120, serverName("weights")));
  });
}
