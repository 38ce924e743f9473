/** What the server's sidecar does with requests: tokens, and how many are taken. */
import { afterEach, expect, it } from "vitest";
import { issuer, keySet } from "../../../proxy/jwt/tokens.fake.ts";
import { apply, call, eventually, kubectl } from "../../support/e2e.ts";
import { authorizationPolicy } from "../../support/mesh.ts";
import { applyOverview } from "../../support/overview.ts";
import { client, ns } from "./scene.ts";

const gateway = "api-gateway";
const url = `http://${gateway}:8080`;
const selector = { matchLabels: { app: gateway } };

async function remove(namespace: string, ...kinds: string[]): Promise<void> {
  await kubectl(["delete", kinds.join(), "--all", "-n", namespace, "--wait=false"]);
}

export function policyTests(): void {
  afterEach(async () => {
    await remove(ns, "requestauthentications", "authorizationpolicies", "ratelimits");
    await kubectl(["delete", "envoyfilter", "rate-limit", "-n", "istio-system", "--ignore-not-found"]);
  });

  it("the overview's EnvoyFilter lets a pod take a hundred requests a second", async () => {
    expect(await applyOverview("istio-system", "EnvoyFilter", "rate-limit")).toBe("");
    await eventually("429 beyond the limit", async () => {
      const begun = Date.now();
      const { byStatus } = await call(ns, client, url, { count: 600, concurrency: 16 });
      const fills = Math.ceil((Date.now() - begun) / 1000) + 1;
      const { "200": taken = 0, "429": refused = 0 } = byStatus;
      return taken + refused === 600 && refused > 0 && taken >= 100 && taken <= fills * 100;
    });
  });

  it("a RateLimit counts the requests that it matches, each user's apart", async () => {
    await apply({
      apiVersion: "mesh.weft.dev/v1alpha1",
      kind: "RateLimit",
      metadata: { name: gateway, namespace: ns },
      spec: {
        selector,
        rules: [
          {
            match: { paths: ["/limited*"] },
            key: [{ attribute: "HEADER", header: "x-user" }],
            limit: { requests: 5, unit: "HOUR" },
          },
        ],
      },
    });
    const ofUser = async (user: string, path: string) =>
      (await call(ns, client, `${url}${path}`, { count: 10, headers: { "x-user": user } })).byStatus;
    let users = 0;
    await eventually("five of a user's ten", async () => {
      const byStatus = await ofUser(`user-${users++}`, "/limited/a");
      return byStatus["200"] === 5 && byStatus["429"] === 5;
    });
    expect(await ofUser("another", "/limited/b")).toEqual({ "200": 5, "429": 5 });
    expect(await ofUser("another", "/free")).toEqual({ "200": 10 });
  });

  it("tokens prove who asks, and policies decide by their claims", async () => {
    const ours = await issuer("ES256", "a");
    const strangers = await issuer("ES256", "a");
    const iss = "https://auth.example.com";
    await apply(
      {
        apiVersion: "security.istio.io/v1",
        kind: "RequestAuthentication",
        metadata: { name: gateway, namespace: ns },
        spec: {
          selector,
          jwtRules: [{ issuer: iss, audiences: ["api.example.com"], jwks: keySet(ours.jwk) }],
        },
      },
      authorizationPolicy(ns, gateway, gateway, {
        rules: [{ when: [{ key: "request.auth.claims[group]", values: ["admins"] }] }],
      }),
    );
    const claims = { iss, sub: "ann", aud: "api.example.com", exp: Math.floor(Date.now() / 1000) + 3_600 };
    const status = async (token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return Object.keys((await call(ns, client, url, { count: 4, headers })).byStatus).join();
    };
    await eventually("no token, no claim", async () => (await status()) === "403");
    await eventually("a forged one", async () => {
      return (await status(await strangers.token({ ...claims, group: "admins" }))) === "401";
    });
    expect(await status(await ours.token({ ...claims, group: ["staff", "admins"] }))).toBe("200");
    expect(await status(await ours.token({ ...claims, group: "staff" }))).toBe("403");
    expect(await status(await ours.token({ ...claims, group: "admins", aud: "other.example" }))).toBe("403");
    expect(await status(await ours.token({ ...claims, group: "admins", exp: 1 }))).toBe("401");
  });
}
