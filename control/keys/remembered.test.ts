import { expect, it } from "vitest";
import { rememberedKeys } from "./remembered.ts";

const policy = (name: string, ...jwtRules: object[]) => ({
  metadata: { name, namespace: "shop" },
  spec: { jwtRules },
});
const published = (...rules: (readonly [name: string, issuer: string, jwks: string])[]) => ({
  status: {
    jwtRules: rules.map(([name, issuer, jwks]) => ({
      name,
      issuer,
      jwks,
      audiences: [],
      fromHeaders: [],
      fromParams: [],
      fromCookies: [],
      outputClaimToHeaders: [],
      forwardOriginalToken: false,
      spaceDelimitedClaims: [],
    })),
  },
});

it("keys that were published for a policy's rule are those of its source, and no others are", () => {
  const known = rememberedKeys(
    [
      {},
      published(["shop/a", "https://i", ""], ["shop/b", "https://i", "other"]),
      published(["shop/a", "https://i", "keys"], ["shop/a", "inline", "own"], ["shop/a", "gone", "old"]),
    ],
    [
      policy("a", { issuer: "https://i" }, { issuer: "inline", jwks: "{}" }, { issuer: "new" }),
      { metadata: { name: "empty" } },
    ],
  );
  expect([...known]).toEqual([["discover:https://i", "keys"]]);
});
