import { generateKeyPairSync, sign } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../kube/client.ts";
import { createFakeClock, type FakeClock } from "../../kube/clock.fake.ts";
import { ConnectionError } from "../../kube/errors.ts";
import { silentLog } from "../../kube/log.ts";
import { createTokenVerifier, type TokenVerifierOptions } from "./token.ts";
import type { TokenKeys } from "./token-keys.ts";

const issuer = "https://kubernetes.default.svc";
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const keys: TokenKeys = { issuer, keys: [{ kid: "k", key: publicKey }] };

let clock: FakeClock;
let reviews: unknown[];
let answer: () => unknown;
let how: string[];

beforeEach(() => {
  clock = createFakeClock();
  reviews = [];
  how = [];
  answer = () => authenticated();
});

const authenticated = (status: object = {}) => ({
  authenticated: true,
  audiences: ["istio-ca"],
  user: {
    username: "system:serviceaccount:shop:cart",
    extra: { "authentication.kubernetes.io/pod-uid": ["pod-uid"] },
  },
  ...status,
});
const away = () => {
  throw new ConnectionError("POST", Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));
};

function verifier(overrides: Partial<TokenVerifierOptions> = {}) {
  const create = async (_resource: unknown, object: unknown) => {
    reviews.push(object);
    return { metadata: { name: "" }, status: answer() };
  };
  return createTokenVerifier({
    client: { create } as unknown as Pick<Client, "create">,
    keys: () => keys,
    findPod: (uid) => (uid === "pod-uid" ? { namespace: "shop", serviceAccount: "cart" } : undefined),
    clock,
    log: silentLog,
    onVerified: (by) => how.push(by),
    ...overrides,
  });
}

function token(bound: object = {}): string {
  const now = clock.now() / 1000;
  const payload = {
    iss: issuer,
    aud: ["istio-ca"],
    exp: now + 3600,
    "kubernetes.io": {
      namespace: "shop",
      serviceaccount: { name: "cart" },
      pod: { uid: "pod-uid" },
      ...bound,
    },
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "ES256", kid: "k" })}.${encode(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

describe("a token while the API server answers", () => {
  it("is reviewed for the audience istio-ca, and the review says whose it is", async () => {
    await expect(verifier().verify("abc")).resolves.toEqual({
      namespace: "shop",
      serviceAccount: "cart",
      podUid: "pod-uid",
    });
    expect(reviews).toEqual([expect.objectContaining({ spec: { token: "abc", audiences: ["istio-ca"] } })]);
  });

  it.each([
    ["is not authenticated", { authenticated: false, error: "token expired" }, "WEFT_CA_BAD_TOKEN"],
    ["is for another audience", { audiences: ["vault"] }, "WEFT_CA_BAD_TOKEN"],
    ["is for no audience", { audiences: undefined }, "WEFT_CA_BAD_TOKEN"],
    ["belongs to a node", { user: { username: "system:node:one" } }, "WEFT_CA_NOT_A_WORKLOAD"],
    ["belongs to nobody", { user: undefined }, "WEFT_CA_NOT_A_WORKLOAD"],
  ])("that %s is refused, though its signature may be right", async (_name, status, code) => {
    answer = () => authenticated(status);
    await expect(verifier().verify(token())).rejects.toMatchObject({ code });
    expect(how).toEqual([]);
  });

  it("is asked about once a minute", async () => {
    const { verify } = verifier();
    await verify("abc");
    await clock.advance(59_999);
    await verify("abc");
    expect(how).toEqual(["review", "cache"]);
    await clock.advance(1);
    await verify("abc");
    expect(how).toEqual(["review", "cache", "review"]);
  });

  it("that was refused is asked about again", async () => {
    const { verify } = verifier();
    answer = () => authenticated({ authenticated: false });
    await expect(verify("abc")).rejects.toThrow();
    answer = () => authenticated();
    await expect(verify("abc")).resolves.toBeDefined();
  });

  it("of more bytes than a token has is not sent on", async () => {
    await expect(verifier().verify("a".repeat(20_000))).rejects.toMatchObject({ code: "WEFT_CA_BAD_TOKEN" });
    expect(reviews).toEqual([]);
  });
});

describe("a token while the API server is away", () => {
  beforeEach(() => {
    answer = away;
  });

  it("of a pod that was seen is taken by its signature", async () => {
    await expect(verifier().verify(token())).resolves.toMatchObject({
      namespace: "shop",
      serviceAccount: "cart",
    });
    expect(how).toEqual(["offline"]);
  });

  it.each([
    ["another pod", { pod: { uid: "gone" } }],
    ["no pod", { pod: undefined }],
    ["a pod of another service account", { serviceaccount: { name: "admin" } }],
    ["a pod of another namespace", { namespace: "kube-system" }],
  ])("bound to %s is refused", async (_name, bound) => {
    await expect(verifier().verify(token(bound))).rejects.toMatchObject({ code: "WEFT_CA_UNKNOWN_POD" });
  });

  it("cannot be judged without keys", async () => {
    await expect(verifier({ keys: () => undefined }).verify(token())).rejects.toMatchObject({
      code: "WEFT_CA_UNVERIFIABLE",
      retryAfterSeconds: 5,
    });
  });

  it("waits for the API server once in five seconds at most, then asks it again", async () => {
    const { verify } = verifier();
    await verify(token());
    await verify(token());
    expect(reviews).toHaveLength(1);
    await clock.advance(5_000);
    answer = () => authenticated();
    await verify(token());
    expect(how).toEqual(["offline", "offline", "review"]);
  });
});
