import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseServiceAccountUser, spiffeId } from "./identity.ts";

describe("a SPIFFE id", () => {
  it("names trust domain, namespace and service account", () => {
    expect(spiffeId("cluster.local", { namespace: "shop", serviceAccount: "cart.v2" })).toBe(
      "spiffe://cluster.local/ns/shop/sa/cart.v2",
    );
  });

  it.each([
    ["cluster.local", "shop", "cart/sa/admin"],
    ["cluster.local", "shop/sa/x", "cart"],
    ["cluster.local", "", "cart"],
    ["cluster.local", "shop", ""],
    ["cluster.local", "shop", "cart?x"],
    ["cluster.local", "shop", "Cart"],
    ["a/b", "shop", "cart"],
    ["", "shop", "cart"],
    ["cluster.local", "shop", "a".repeat(254)],
  ])(
    "is not made of trust domain %j, namespace %j and service account %j",
    (domain, namespace, serviceAccount) => {
      expect(() => spiffeId(domain, { namespace, serviceAccount })).toThrow();
    },
  );

  it("has four segments of path, or is not made, whatever the names", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (domain, namespace, serviceAccount) => {
        let id: string;
        try {
          id = spiffeId(domain, { namespace, serviceAccount });
        } catch {
          return;
        }
        expect(new URL(id).pathname.split("/")).toEqual(["", "ns", namespace, "sa", serviceAccount]);
      }),
    );
  });
});

describe("a user name", () => {
  it.each([
    ["system:serviceaccount:shop:cart", { namespace: "shop", serviceAccount: "cart" }],
    ["system:serviceaccount:shop:cart:x", undefined],
    ["system:serviceaccount:shop", undefined],
    ["system:node:one", undefined],
    ["kubernetes-admin", undefined],
    ["", undefined],
  ])("%j is the service account %j", (user, expected) => {
    expect(parseServiceAccountUser(user)).toEqual(expected);
  });
});
