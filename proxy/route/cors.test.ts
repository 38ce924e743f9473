import { describe, expect, it } from "vitest";
import type { CorsPolicy } from "../../crds/service-config.ts";
import { compileCors, judgeSharing } from "./cors.ts";

const policy: CorsPolicy = {
  allowOrigins: [
    { kind: "exact", value: "https://shop.example" },
    { kind: "regex", value: "https://[a-z]+\\.test" },
  ],
  allowMethods: [],
  allowHeaders: [],
  exposeHeaders: [],
  allowCredentials: false,
  unmatchedPreflights: "FORWARD",
};

function judge(overrides: Partial<CorsPolicy>, method: string, headers: Record<string, string>) {
  const cors = compileCors({ ...policy, ...overrides });
  return judgeSharing(cors ?? expect.fail(), { method, header: (name) => headers[name] });
}

const origin = "https://shop.example";
const asks = { origin, "access-control-request-method": "PUT" };

describe("a CORS policy", () => {
  it("has nothing to say of a request without an origin", () => {
    expect(judge({}, "GET", {})).toEqual({ kind: "none" });
    expect(judge({}, "OPTIONS", { "access-control-request-method": "PUT" })).toEqual({ kind: "none" });
  });

  it("answers a preflight with all that it allows", () => {
    const all = {
      allowMethods: ["GET", "PUT"],
      allowHeaders: ["x-a", "x-b"],
      exposeHeaders: ["x-c"],
      maxAgeMs: 86_400_000,
      allowCredentials: true,
    };
    expect(judge(all, "OPTIONS", asks)).toEqual({
      kind: "preflight",
      headers:
        "access-control-allow-origin: https://shop.example\r\n" +
        "access-control-allow-credentials: true\r\n" +
        "access-control-allow-methods: GET,PUT\r\n" +
        "access-control-allow-headers: x-a,x-b\r\n" +
        "access-control-max-age: 86400\r\n",
    });
  });

  it("answers a preflight with no more than the origin when it says no more", () => {
    expect(judge({}, "OPTIONS", asks)).toEqual({
      kind: "preflight",
      headers: "access-control-allow-origin: https://shop.example\r\n",
    });
  });

  it("takes OPTIONS that asks for no method for a request like others", () => {
    expect(judge({}, "OPTIONS", { origin }).kind).toBe("share");
  });

  it("gives the response of an allowed origin its headers", () => {
    expect(judge({ allowCredentials: true, exposeHeaders: ["x-a", "x-b"] }, "GET", { origin })).toEqual({
      kind: "share",
      response: [
        { op: "set", name: "access-control-allow-origin", value: origin },
        { op: "set", name: "access-control-allow-credentials", value: "true" },
        { op: "set", name: "access-control-expose-headers", value: "x-a,x-b" },
      ],
    });
  });

  it.each([
    ["another origin", "https://evil.example"],
    ["a longer origin", "https://shop.example.evil"],
    ["the origin in another case", "https://SHOP.example"],
    ["two origins at once", "https://shop.example,https://shop.example"],
    ["the opaque origin", "null"],
  ])("lets %s through untouched, preflights as well", (_, other) => {
    expect(judge({}, "GET", { origin: other })).toEqual({ kind: "none" });
    expect(judge({}, "OPTIONS", { ...asks, origin: other })).toEqual({ kind: "none" });
  });

  it("answers preflights of other origins without a word when they are to be ignored, and forwards the rest", () => {
    const ignore = { unmatchedPreflights: "IGNORE" } as const;
    const other = { ...asks, origin: "https://evil.example" };
    expect(judge(ignore, "OPTIONS", other)).toEqual({ kind: "preflight", headers: "" });
    expect(judge(ignore, "GET", other)).toEqual({ kind: "none" });
  });

  it("echoes the origin, also where every origin is allowed", () => {
    const everyone = { allowOrigins: [{ kind: "exact", value: "*" }] } as const;
    const sharing = judge(everyone, "GET", { origin: "https://any.example" });
    expect(sharing).toMatchObject({ response: [{ value: "https://any.example" }] });
  });

  it("takes an origin's percent signs as they are", () => {
    const everyone = { allowOrigins: [{ kind: "exact", value: "*" }] } as const;
    const sharing = judge(everyone, "GET", { origin: "https://%PROTOCOL%" });
    expect(sharing).toMatchObject({ response: [{ value: "https://%%PROTOCOL%%" }] });
  });

  it("allows origins by expression", () => {
    expect(judge({}, "GET", { origin: "https://staging.test" }).kind).toBe("share");
    expect(judge({}, "GET", { origin: "https://staging.test.evil" }).kind).toBe("none");
  });
});
