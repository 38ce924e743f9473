/** The conditions of HTTP routes. What matches leads to v2, everything else to v1, by the last rule. */
import { beforeAll, expect, it } from "vitest";
import { apply, ask } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { clearMesh, client, host, inForce, istio, ns, said, url } from "./scene.ts";

type Request = Parameters<typeof ask>[3];

/** A text by each way to match one. */
const ways = ["exact", "prefix", "regex"] as const;
const by = (way: (typeof ways)[number], text: string) => ({
  [way]: { exact: text, prefix: text.slice(0, -1), regex: `${text.slice(0, -1)}.` }[way],
});
const at = (path: string) => `${url}${path}`;

/** A text that is matched in each way, with a request that has it and one that has another. */
interface TextCase {
  readonly what: string;
  readonly text: string;
  readonly match: (text: object) => object;
  readonly hit: (path: string) => [url: string, request?: Request];
  readonly miss: (path: string) => [url: string, request?: Request];
}
const texts: readonly TextCase[] = [
  {
    what: "method",
    text: "PUT",
    match: (method) => ({ method }),
    hit: (path) => [at(path), { method: "PUT" }],
    miss: (path) => [at(path)],
  },
  {
    what: "authority",
    text: `${host}:8080`,
    match: (authority) => ({ authority }),
    hit: (path) => [at(path)],
    miss: (path) => [`http://${host}.${ns}:8080${path}`],
  },
  {
    what: "headers",
    text: "new",
    match: (header) => ({ headers: { "x-model": header } }),
    hit: (path) => [at(path), { headers: { "X-Model": "new" } }],
    miss: (path) => [at(path), { headers: { "X-Model": "old" } }],
  },
  {
    what: "queryParams",
    text: "new",
    match: (model) => ({ queryParams: { model } }),
    hit: (path) => [at(`${path}?a=1&model=new`)],
    miss: (path) => [at(`${path}?model=old`)],
  },
  {
    what: "withoutHeaders",
    text: "old",
    match: (header) => ({ withoutHeaders: { "x-model": header } }),
    hit: (path) => [at(path), { headers: { "x-model": "new" } }],
    miss: (path) => [at(path), { headers: { "x-model": "old" } }],
  },
];

/** Matches of one kind, with a request that they hold for. */
const matches: readonly [name: string, match: object, path: string][] = [
  ["a path", { uri: { exact: "/m/exact" } }, "/m/exact?q"],
  ["a path's beginning", { uri: { prefix: "/m/pre" } }, "/m/prefix"],
  ["a path by expression", { uri: { regex: "/m/v[0-9]+" } }, "/m/v12?q"],
  ["a path in any case", { uri: { exact: "/M/Case" }, ignoreUriCase: true }, "/m/cAsE"],
  ...ways.map((way): [string, object, string] => [
    `the scheme (${way})`,
    { uri: { prefix: `/m/scheme/${way}` }, scheme: by(way, "http") },
    `/m/scheme/${way}`,
  ]),
  ["a parameter's presence", { uri: { prefix: "/m/has" }, queryParams: { model: {} } }, "/m/has?model=any"],
  ["the lack of a header", { uri: { prefix: "/m/without" }, withoutHeaders: { "x-old": {} } }, "/m/without"],
  [
    "the client's labels",
    { uri: { prefix: "/m/labels" }, sourceLabels: { app: "order-service" } },
    "/m/labels",
  ],
  ["the client's namespace", { uri: { prefix: "/m/namespace" }, sourceNamespace: ns }, "/m/namespace"],
  ["the port", { uri: { prefix: "/m/port" }, port: 8080 }, "/m/port"],
  ["sidecars", { uri: { prefix: "/m/mesh" }, gateways: ["mesh"] }, "/m/mesh"],
];
/** And some that do not, though they nearly do. */
const misses: readonly [name: string, match: object, path: string][] = [
  ["another path", { uri: { exact: "/n/exact" } }, "/n/exact/"],
  ["another beginning", { uri: { prefix: "/n/beginning" } }, "/n/begin"],
  ["a part of the path", { uri: { regex: "/n/v[0-9]+" } }, "/n/v12a"],
  ["another case", { uri: { exact: "/N/Case" } }, "/n/case"],
  ["another scheme", { uri: { prefix: "/n/exact-scheme" }, scheme: { exact: "https" } }, "/n/exact-scheme"],
  ["another scheme's beginning", { uri: { prefix: "/n/prefix" }, scheme: { prefix: "https" } }, "/n/prefix"],
  ["a longer scheme", { uri: { prefix: "/n/regex" }, scheme: { regex: "https+" } }, "/n/regex"],
  ["other labels", { uri: { prefix: "/n/labels" }, sourceLabels: { app: "other" } }, "/n/labels"],
  ["another namespace", { uri: { prefix: "/n/namespace" }, sourceNamespace: "other" }, "/n/namespace"],
  ["another port", { uri: { prefix: "/n/port" }, port: 80 }, "/n/port"],
  ["a gateway's", { uri: { prefix: "/n/gateway" }, gateways: ["ingress"] }, "/n/gateway"],
];

const to = (subset: string) => [{ destination: { host, subset } }];
const pathOf = (what: string, way: string) => `/t/${what.toLowerCase()}/${way}`;
const virtualService = istio("VirtualService", host, {
  hosts: [host],
  http: [
    ...texts.flatMap(({ what, text, match }) =>
      ways.map((way) => ({
        match: [{ uri: { prefix: pathOf(what, way) }, ...match(by(way, text)) }],
        route: to("v2"),
      })),
    ),
    ...[...matches, ...misses].map(([, match]) => ({ match: [match], route: to("v2") })),
    { route: to("v1") },
  ],
});

const version = async ([target, request]: [string, Request?]) =>
  said(await ask(ns, client, target, request)).version;

export function matchTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await apply(subsets(ns), virtualService);
    await inForce(at("/m/port"), "v2");
    await inForce(at("/n/port"), "v1");
  });

  it.each(texts.map((each) => [each.what, each] as const))(
    "by %s leads where its rule says, in each way to match a text",
    async (_, { what, hit, miss }) => {
      const paths = ways.map((way) => pathOf(what, way));
      expect(await Promise.all(paths.map((path) => version(hit(path))))).toEqual(["v2", "v2", "v2"]);
      expect(await Promise.all(paths.map((path) => version(miss(path))))).toEqual(["v1", "v1", "v1"]);
    },
  );

  it.concurrent.each(matches)("by %s leads where its rule says", async (_, __, path) => {
    expect(await version([at(path)])).toBe("v2");
  });

  it.concurrent.each(misses)("of %s is passed over", async (_, __, path) => {
    expect(await version([at(path)])).toBe("v1");
  });
}
