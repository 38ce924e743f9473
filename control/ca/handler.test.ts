import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFakeClock, type FakeClock } from "../../kube/clock.fake.ts";
import { silentLog } from "../../kube/log.ts";
import { day, fakeSource, makeAuthority, type TestAuthority, testNow } from "./authority.fixture.ts";
import { CaError } from "./errors.ts";
import { type CertificateHandlerOptions, createCertificateHandler } from "./handler.ts";
import type { SignRequest } from "./signer.ts";

let ca: TestAuthority;
let clock: FakeClock;
let signed: SignRequest[];
let outcomes: string[];
beforeAll(async () => {
  ca = await makeAuthority();
});
beforeEach(() => {
  clock = createFakeClock(testNow);
  signed = [];
  outcomes = [];
});

const request = {
  authorization: "Bearer abc",
  body: { csr: "CSR", uri: "spiffe://x" },
  remoteAddress: "127.0.0.1",
};

function handler(overrides: Partial<CertificateHandlerOptions> = {}) {
  return createCertificateHandler({
    verifier: { verify: async () => ({ namespace: "shop", serviceAccount: "cart", podUid: "p" }) },
    authority: fakeSource(ca.authority),
    signer: {
      sign: async (_authority, what) => {
        signed.push(what);
        return "LEAF";
      },
      close: async () => {},
    },
    trustDomain: () => "cluster.local",
    clock,
    log: silentLog,
    onReply: (outcome) => outcomes.push(outcome),
    ...overrides,
  });
}

describe("POST /v1/certificates", () => {
  it("answers 201 with the leaf, its chain, the bundle and the end", async () => {
    expect(await handler()(request)).toEqual({
      status: 201,
      headers: { "cache-control": "no-store" },
      body: {
        certificates: ["LEAF", ...ca.authority.chain],
        trustBundle: ca.authority.trustBundle,
        notAfter: "2026-01-02T00:00:00Z",
      },
    });
    expect(outcomes).toEqual(["issued"]);
  });

  it("signs the verified identity for 24 h from a minute ago, whatever the request says", async () => {
    await handler()(request);
    expect(signed).toEqual([
      {
        csr: "CSR",
        uri: "spiffe://cluster.local/ns/shop/sa/cart",
        notBefore: testNow - 60_000,
        notAfter: testNow + day,
      },
    ]);
  });

  it("never signs beyond the signing certificate's own end", async () => {
    const short = await makeAuthority({ validity: { notBefore: testNow, notAfter: testNow + 3_600_000 } });
    const reply = await handler({ authority: fakeSource(short.authority) })(request);
    expect(reply.body).toMatchObject({ notAfter: "2026-01-01T01:00:00Z" });
  });

  it.each<[string, Partial<typeof request>, number, string]>([
    ["no token", { authorization: "" }, 401, "WEFT_CA_NO_TOKEN"],
    ["another scheme", { authorization: "Basic abc" }, 401, "WEFT_CA_NO_TOKEN"],
    ["a token of odd characters", { authorization: "Bearer a b" }, 401, "WEFT_CA_NO_TOKEN"],
    ["no body", { body: undefined as never }, 400, "WEFT_CA_BAD_REQUEST"],
    ["a body without csr", { body: {} as never }, 400, "WEFT_CA_BAD_REQUEST"],
    ["a csr that is no text", { body: { csr: 7 } as never }, 400, "WEFT_CA_BAD_REQUEST"],
  ])("with %s answers an error with code, message and hint", async (_name, change, status, code) => {
    const reply = await handler()({ ...request, ...change });
    expect(reply).toMatchObject({
      status,
      body: { code, message: expect.stringMatching(/./), hint: expect.stringMatching(/./) },
    });
    expect(outcomes).toEqual([code]);
    expect(signed).toEqual([]);
  });

  it("passes on what the verifier refuses, with its status", async () => {
    const verify = () => Promise.reject(new CaError("WEFT_CA_UNKNOWN_POD"));
    const reply = await handler({ verifier: { verify } })(request);
    expect(reply).toMatchObject({ status: 403, body: { code: "WEFT_CA_UNKNOWN_POD" } });
  });

  it.each([
    ["no authority was read", undefined, testNow],
    ["the authority has ended", "ca", testNow + 366 * day],
  ])("answers 503 when %s", async (_name, which, now) => {
    clock = createFakeClock(now);
    const authority = fakeSource(which === undefined ? undefined : ca.authority);
    const reply = await handler({ authority })(request);
    expect(reply).toMatchObject({
      status: 503,
      headers: { "retry-after": "10" },
      body: { code: "WEFT_CA_NO_AUTHORITY" },
    });
  });

  it("limits each pod, not the others, and says when to come back", async () => {
    const pods = ["a", "b"];
    const verify = async (token: string) => ({ namespace: "shop", serviceAccount: "cart", podUid: token });
    const handle = handler({ verifier: { verify } });
    const ask = (pod: string) => handle({ ...request, authorization: `Bearer ${pod}` });
    for (let n = 0; n < 10; n++) expect((await ask("a")).status).toBe(201);
    expect(await ask("a")).toMatchObject({ status: 429, headers: { "retry-after": "5" } });
    expect((await ask(pods[1] ?? "")).status).toBe(201);
    await clock.advance(5_000);
    expect((await ask("a")).status).toBe(201);
  });

  it("limits an address before it looks at tokens", async () => {
    let verified = 0;
    const verify = () => {
      verified++;
      return Promise.reject(new CaError("WEFT_CA_BAD_TOKEN"));
    };
    const handle = handler({ verifier: { verify } });
    const replies = [];
    for (let n = 0; n < 201; n++) replies.push(await handle(request));
    expect(replies.at(-1)?.status).toBe(429);
    expect(verified).toBe(200);
    expect((await handle({ ...request, remoteAddress: "127.0.0.2" })).status).toBe(401);
  });

  it("tells nothing of an unexpected failure but to come back", async () => {
    const verify = () => Promise.reject(new Error("secret detail"));
    const reply = await handler({ verifier: { verify } })(request);
    expect(reply.status).toBe(503);
    expect(JSON.stringify(reply)).not.toContain("secret detail");
  });

  it("refuses an identity that cannot stand in a SPIFFE id", async () => {
    const verify = async () => ({ namespace: "shop", serviceAccount: "a/b" });
    expect((await handler({ verifier: { verify } })(request)).status).toBe(503);
    expect(signed).toEqual([]);
  });
});
