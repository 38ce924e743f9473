import "reflect-metadata";
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { describe, expect, it, vi } from "vitest";
import { FakeClock, settle } from "../config/clock.fake.ts";
import { type Authority, AuthorityError, decodeIssued, type Issued } from "./authority.ts";
import { encode, objectIdentifier } from "./der.ts";
import { renewalTime, startIdentity } from "./identity.ts";
import { createKeyAndRequest } from "./request.ts";

x509.cryptoProvider.set(webcrypto as never);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const spiffe = "spiffe://cluster.local/ns/shop/sa/pay";
const day = 86_400_000;

const ca = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
const anchor = (
  await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=root",
    keys: ca as never,
    signingAlgorithm: algorithm,
  })
).toString("pem");

/** Signs as control does: the key from the request, the name from elsewhere. */
async function issue(requestPem: string, now: number, { name = spiffe, lifeMs = day } = {}): Promise<Issued> {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const notAfter = now + lifeMs;
  const leaf = await x509.X509CertificateGenerator.create({
    issuer: "CN=root",
    notBefore: new Date(now - 60_000),
    notAfter: new Date(notAfter),
    publicKey: await request.publicKey.export(algorithm, ["verify"]),
    signingKey: ca.privateKey as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: name }])],
  });
  return { certChainPem: leaf.toString("pem"), trustBundle: anchor, notAfter };
}

function setup(answers: ((requestPem: string, now: number) => Promise<Issued>)[]) {
  const clock = new FakeClock();
  const asked: { at: number; anchors: string }[] = [];
  const logged: string[] = [];
  const authority: Authority = {
    issue(requestPem, anchors) {
      asked.push({ at: clock.now(), anchors });
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      return answer === undefined ? Promise.reject(new Error("no answer")) : answer(requestPem, clock.now());
    },
  };
  const identity = startIdentity({
    authority,
    anchors: anchor,
    clock,
    random: () => 0.5,
    log: (...line) => logged.push(JSON.stringify(line)),
  });
  return { clock, asked, logged, identity };
}

const signed = (requestPem: string, now: number) => issue(requestPem, now);
const refused = () => Promise.reject(new AuthorityError("WEFT_CA_NOT_READY", "control is starting", "wait"));
/** Keys are made by a thread of the runtime. */
const until = (check: () => boolean) =>
  vi.waitFor(() => expect(check()).toBe(true), { interval: 1, timeout: 5_000 });

describe("a certificate request", () => {
  it("is one that others read and whose signature holds", async () => {
    const { keyPem, requestPem } = await createKeyAndRequest();
    const request = new x509.Pkcs10CertificateRequest(requestPem);
    expect(await request.verify()).toBe(true);
    expect([request.subject, request.attributes.length]).toEqual(["", 0]);
    const spki = Buffer.from(request.publicKey.rawData);
    expect(createPublicKey(createPrivateKey(keyPem)).export({ type: "spki", format: "der" })).toEqual(spki);
    const checked = execFileSync("openssl", ["req", "-verify", "-noout", "-text"], {
      input: requestPem,
      stdio: ["pipe", "pipe", "pipe"],
    });
    expect(checked.toString()).toMatch(/prime256v1|P-256/);
  });

  it("has a new key each time", async () => {
    const [a, b] = await Promise.all([createKeyAndRequest(), createKeyAndRequest()]);
    expect(a.keyPem).not.toBe(b.keyPem);
  });
});

describe("DER", () => {
  it.each([
    [0, "0400"],
    [127, "047f"],
    [128, "048180"],
    [256, "04820100"],
    [70_000, "0483011170"],
  ])("writes a length of %i", (length, head) => {
    const encoded = encode(0x04, new Uint8Array(length));
    expect(Buffer.from(encoded.subarray(0, head.length / 2)).toString("hex")).toBe(head);
    expect(encoded.length).toBe(head.length / 2 + length);
  });

  it.each([
    ["1.2.840.10045.4.3.2", "06082a8648ce3d040302"],
    ["2.5.29.17", "0603551d11"],
  ])("writes the object identifier %s", (dotted, hex) => {
    expect(Buffer.from(objectIdentifier(dotted)).toString("hex")).toBe(hex);
  });
});

describe("an identity", () => {
  it("is there as soon as the authority has answered", async () => {
    const { identity, logged } = setup([signed]);
    const changes = vi.fn();
    identity.onChange(changes);
    expect(identity.current()).toBeUndefined();
    await until(() => identity.current() !== undefined);
    expect(identity.current()).toMatchObject({ spiffeId: spiffe, trustBundle: anchor });
    expect(changes).toHaveBeenCalledTimes(1);
    expect(logged.join()).not.toContain("PRIVATE KEY");
    await identity.close();
  });

  it("is asked for again quickly while control is starting, then with patience", async () => {
    const { clock, asked, identity } = setup([refused]);
    const waits: number[] = [];
    for (let tries = 1; tries <= 9; tries++) {
      await until(() => asked.length === tries && clock.pending > 0);
      waits.push(await clock.advanceToNext());
    }
    // Each is three quarters of 50 ms, 100 ms, … up to 5 s.
    expect(waits).toEqual([37.5, 75, 150, 300, 600, 1_200, 2_400, 3_750, 3_750]);
    expect(identity.status()).toMatchObject({ issued: 0, notAfter: undefined });
    await identity.close();
  });

  it("is renewed with a new key at half of its life", async () => {
    const { clock, asked, identity } = setup([signed]);
    await until(() => clock.pending > 0);
    const first = identity.current();
    await clock.advance(day / 2 - 1);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await until(() => identity.current() !== first);
    expect(identity.current()?.keyPem).not.toBe(first?.keyPem);
    await identity.close();
  });

  it("stays in force while it cannot be renewed", async () => {
    const { clock, asked, identity } = setup([signed, refused, refused, signed]);
    await until(() => clock.pending > 0);
    const first = identity.current();
    await clock.advance(day / 2);
    await until(() => asked.length === 2 && clock.pending > 0);
    expect(identity.current()).toBe(first);
    await clock.advance(100);
    await until(() => asked.length === 3 && clock.pending > 0);
    await clock.advance(200);
    await until(() => identity.current() !== first);
    expect(identity.status()).toMatchObject({ issued: 2, failures: 2 });
    await identity.close();
  });

  it.each<[string, (requestPem: string, now: number) => Promise<Issued>]>([
    ["for another key", async (_, now) => issue((await createKeyAndRequest()).requestPem, now)],
    ["without a SPIFFE id", (requestPem, now) => issue(requestPem, now, { name: "https://cluster.local" })],
    ["that has expired", (requestPem, now) => issue(requestPem, now, { lifeMs: -1_000 })],
    [
      "that is none",
      async () => ({
        certChainPem: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        trustBundle: anchor,
        notAfter: Number.MAX_SAFE_INTEGER,
      }),
    ],
  ])("refuses a certificate %s", async (_, answer) => {
    const { clock, identity } = setup([answer]);
    await until(() => identity.status().failures === 1 && clock.pending > 0);
    expect(identity.current()).toBeUndefined();
    await identity.close();
  });

  it("takes new anchors without a new certificate, and trusts the authority by them", async () => {
    const { clock, asked, identity } = setup([signed]);
    await until(() => clock.pending > 0);
    const before = identity.current();
    const changes = vi.fn();
    identity.onChange(changes);
    identity.updateTrustBundle("");
    identity.updateTrustBundle(anchor);
    expect(changes).not.toHaveBeenCalled();
    identity.updateTrustBundle(`${anchor}${anchor}`);
    expect(changes).toHaveBeenCalledTimes(1);
    expect(identity.current()).toEqual({ ...before, trustBundle: `${anchor}${anchor}` });
    await clock.advance(day / 2);
    await until(() => asked.length === 2);
    expect(asked[1]?.anchors).toContain(`${anchor}${anchor}`);
    await identity.close();
  });

  it("ends with its timers", async () => {
    const { clock, identity } = setup([signed]);
    await until(() => clock.pending > 0);
    await identity.close();
    await settle();
    expect(clock.pending).toBe(0);
  });
});

describe("the time of renewal", () => {
  it.each([
    [day, 0.5, day * 0.5],
    [day, 0, day * 0.45],
    [day, 0.999, day * 0.5499],
    [100, 0.5, 1_000],
    [-5, 0.5, 1_000],
  ])("of a life of %i ms with %f is after %f ms", (life, random, expected) => {
    expect(renewalTime(0, life, random)).toBeCloseTo(expected);
  });
});

describe("the authority's answer", () => {
  it.each([
    undefined,
    null,
    {},
    { certificates: [] },
    { certificates: ["x"], trustBundle: anchor, notAfter: "2030-01-01T00:00:00Z" },
    { certificates: [anchor], trustBundle: anchor, notAfter: "soon" },
  ])("%j is refused", (body) => {
    expect(() => decodeIssued(body)).toThrow(AuthorityError);
  });

  it("is a chain, anchors and a time", () => {
    const notAfter = "2030-01-01T00:00:00Z";
    const issued = decodeIssued({ certificates: [anchor.trim(), anchor], trustBundle: anchor, notAfter });
    expect(issued).toMatchObject({ notAfter: Date.parse(notAfter) });
    expect(issued.certChainPem.match(/-----BEGIN CERTIFICATE-----\n/g)).toHaveLength(2);
  });
});
