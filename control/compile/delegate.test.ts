import { describe, expect, it } from "vitest";
import { keyOfManifest, type Manifest, object, objects } from "./cluster.fake.ts";
import { expandRoutes } from "./delegate.ts";
import { httpRoutes } from "./http-route.ts";
import type { VirtualService } from "./inputs.ts";

/** The routes of a root VirtualService in `prod` whose one route delegates to `leaf` in `team`. */
function expand(rootRoute: string, leafSpec: string) {
  const root = object(
    "VirtualService",
    `metadata: {name: root, namespace: prod}\nspec: {hosts: [x], http: [{${rootRoute}, delegate: {name: leaf, namespace: team}}]}`,
  );
  const others = objects(
    `kind: VirtualService\nmetadata: {name: leaf, namespace: team}\nspec: {${leafSpec}}`,
  ) as (Manifest & VirtualService)[];
  const find = (key: string) => others.find((other) => keyOfManifest(other) === key);
  return expandRoutes(root, find, "cluster.local");
}
const route = "route: [{destination: {host: a}}]";

describe("a route that delegates", () => {
  it("is replaced by the delegate's routes, whose short names stay the delegate's", () => {
    const { routes, delegates } = expand("name: r", `http: [{name: one, ${route}}, {${route}}]`);
    expect(routes.map(({ spec, namespace }) => [spec.name, namespace])).toEqual([
      ["r-one", "team"],
      ["r", "team"],
    ]);
    expect(delegates.map(({ metadata }) => metadata.name)).toEqual(["leaf"]);
    const context = { clusterDomain: "cluster.local", namespace: "prod", lookup: () => undefined };
    const [first] = httpRoutes(routes, context);
    expect(first?.action).toMatchObject({ destinations: [{ host: "a.team.svc.cluster.local" }] });
  });

  it("takes from the root what the delegate leaves unset, mirrors by the root's names", () => {
    const { routes } = expand(
      "timeout: 5s, retries: {attempts: 1}, mirror: {host: m}",
      `http: [{${route}, timeout: 1s}]`,
    );
    expect(routes[0]?.spec).toMatchObject({
      timeout: "1s",
      retries: { attempts: 1 },
      mirror: { host: "m.prod.svc.cluster.local" },
    });
  });

  const gone: { rule: string; leaf: string }[] = [
    { rule: "a delegate with hosts", leaf: `hosts: [y], http: [{${route}}]` },
    {
      rule: "a delegate that is not exported to the root's namespace",
      leaf: `exportTo: ['.'], http: [{${route}}]`,
    },
    { rule: "a delegate's route that delegates further", leaf: "http: [{delegate: {name: more}}]" },
  ];
  it.each(gone)("disappears with $rule", ({ leaf }) => {
    expect(expand("name: r", leaf).routes).toEqual([]);
  });

  it("disappears with a delegate that is missing, and leaves the other routes", () => {
    const root = object(
      "VirtualService",
      `metadata: {name: root}\nspec: {hosts: [x], http: [{delegate: {name: none}}, {${route}}]}`,
    );
    const { routes } = expandRoutes(root, () => undefined, "cluster.local");
    expect(routes).toHaveLength(1);
  });
});

describe("a delegate's match", () => {
  const cases: { rule: string; root: string; leaf: string; merged: unknown }[] = [
    { rule: "is the root's when it has none", root: "[{port: 80}]", leaf: "[]", merged: [{ port: 80 }] },
    { rule: "stays when the root has none", root: "[]", leaf: "[{port: 80}]", merged: [{ port: 80 }] },
    {
      rule: "narrows a prefix",
      root: "[{uri: {prefix: /a}}]",
      leaf: "[{uri: {prefix: /a/b}}]",
      merged: [{ uri: { prefix: "/a/b" } }],
    },
    {
      rule: "narrows a prefix to one path",
      root: "[{uri: {prefix: /a}}]",
      leaf: "[{uri: {exact: /a/b}}]",
      merged: [{ uri: { exact: "/a/b" } }],
    },
    {
      rule: "may not leave the prefix",
      root: "[{uri: {prefix: /a}}]",
      leaf: "[{uri: {prefix: /b}}]",
      merged: undefined,
    },
    {
      rule: "may not widen an exact path",
      root: "[{uri: {exact: /a}}]",
      leaf: "[{uri: {prefix: /a}}]",
      merged: undefined,
    },
    {
      rule: "may not meet a regex in the root",
      root: "[{uri: {regex: /a.*}}]",
      leaf: "[{uri: {exact: /ab}}]",
      merged: undefined,
    },
    {
      rule: "may not meet a prefix by a regex",
      root: "[{uri: {prefix: /a}}]",
      leaf: "[{uri: {regex: /a.*}}]",
      merged: undefined,
    },
    {
      rule: "adds headers to the root's",
      root: "[{headers: {a: {exact: '1'}}}]",
      leaf: "[{headers: {b: {exact: '2'}}}]",
      merged: [{ headers: { a: { exact: "1" }, b: { exact: "2" } } }],
    },
    {
      rule: "may not differ in a header",
      root: "[{headers: {a: {exact: '1'}}}]",
      leaf: "[{headers: {a: {exact: '2'}}}]",
      merged: undefined,
    },
    {
      rule: "may not differ in a query parameter",
      root: "[{queryParams: {a: {exact: '1'}}}]",
      leaf: "[{queryParams: {a: {exact: '2'}}}]",
      merged: undefined,
    },
    { rule: "may not differ in the port", root: "[{port: 80}]", leaf: "[{port: 81}]", merged: undefined },
    {
      rule: "may not differ in whether case counts",
      root: "[{ignoreUriCase: true}]",
      leaf: "[{uri: {prefix: /a}}]",
      merged: undefined,
    },
    {
      rule: "may not differ in a source label",
      root: "[{sourceLabels: {a: '1'}}]",
      leaf: "[{sourceLabels: {a: '2'}}]",
      merged: undefined,
    },
    {
      rule: "may not differ in the source namespace",
      root: "[{sourceNamespace: a}]",
      leaf: "[{sourceNamespace: b}]",
      merged: undefined,
    },
    {
      rule: "may not name gateways that the root does not",
      root: "[{gateways: [a]}]",
      leaf: "[{gateways: [b]}]",
      merged: undefined,
    },
    {
      rule: "is put into each alternative of the root that it fits",
      root: "[{uri: {prefix: /a}}, {uri: {prefix: /b}}, {port: 80}]",
      leaf: "[{uri: {prefix: /a/x}}]",
      merged: [{ uri: { prefix: "/a/x" } }, { uri: { prefix: "/a/x" }, port: 80 }],
    },
    {
      rule: "must fit with every alternative of its own",
      root: "[{uri: {prefix: /a}}]",
      leaf: "[{uri: {prefix: /a/x}}, {uri: {prefix: /b}}]",
      merged: undefined,
    },
  ];
  it.each(cases)("$rule", ({ root, leaf, merged }) => {
    const { routes } = expand(`match: ${root}`, `http: [{match: ${leaf}, ${route}}]`);
    if (merged === undefined) expect(routes).toEqual([]);
    else expect(routes[0]?.spec.match).toMatchObject(merged as object[]);
    if (Array.isArray(merged)) expect(routes[0]?.spec.match).toHaveLength(merged.length);
  });
});
