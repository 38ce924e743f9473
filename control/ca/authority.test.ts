import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { day, makeAuthority, type TestAuthority, testNow } from "./authority.fixture.ts";
import { isValidAt, readAuthority } from "./authority.ts";
import { createIntermediate, createLeafWithKey, readSigningKey } from "./certificates.ts";

let ca: TestAuthority;
let other: TestAuthority;
beforeAll(async () => {
  ca = await makeAuthority();
  other = await makeAuthority();
});

describe("an authority read from a Secret", () => {
  it("sends the intermediate after a leaf and keeps the anchor for the bundle", () => {
    expect(ca.authority.chain).toEqual([ca.files["ca-cert.pem"].trimEnd().concat("\n")]);
    expect(ca.authority.trustBundle.trim()).toBe(ca.root.certificate.trim());
  });

  it("has every anchor of root-cert.pem once in its bundle", () => {
    const roots = ca.root.certificate + other.root.certificate + ca.root.certificate;
    const { trustBundle } = readAuthority({ ...ca.files, "root-cert.pem": roots }, "cacerts");
    expect(trustBundle.match(/BEGIN/g)).toHaveLength(2);
  });

  it("ends when the first certificate of its chain ends", async () => {
    const short = await makeAuthority({ validity: { notBefore: testNow, notAfter: testNow + day } });
    expect(short.authority.notAfter).toBe(testNow + day);
    expect(isValidAt(short.authority, testNow + day - 1)).toBe(true);
    expect(isValidAt(short.authority, testNow + day)).toBe(false);
    expect(isValidAt(short.authority, testNow - 1)).toBe(false);
  });

  it("may be a root that signs leaves itself", () => {
    const files = {
      "ca-cert.pem": ca.root.certificate,
      "ca-key.pem": ca.root.key,
      "root-cert.pem": ca.root.certificate,
    };
    expect(readAuthority(files, "cacerts").chain).toEqual([]);
  });

  it("finds its way through several intermediates in any order", async () => {
    const validity = { notBefore: testNow, notAfter: testNow + day };
    const lower = await createIntermediate(await readSigningKey(ca.authority.pair), "Lower", validity);
    const files = {
      "ca-cert.pem": lower.certificate,
      "ca-key.pem": lower.key,
      "root-cert.pem": ca.root.certificate,
      "cert-chain.pem": other.files["ca-cert.pem"] + ca.files["ca-cert.pem"] + lower.certificate,
    };
    const names = readAuthority(files, "cacerts").chain.map((pem) => new X509Certificate(pem).subject);
    expect(names).toEqual([expect.stringContaining("Lower"), expect.stringContaining("Test Intermediate")]);
  });

  it.each<[string, () => Parameters<typeof readAuthority>[0], RegExp]>([
    ["no key", () => ({ ...ca.files, "ca-key.pem": "" }), /cacerts has no ca-key\.pem; expected the keys/],
    ["no certificate", () => ({ ...ca.files, "ca-cert.pem": "x" }), /ca-cert\.pem holds no certificate/],
    ["no anchor", () => ({ ...ca.files, "root-cert.pem": "x" }), /root-cert\.pem holds no certificate/],
    ["a key that is none", () => ({ ...ca.files, "ca-key.pem": "x" }), /ca-key\.pem holds no private key/],
    [
      "another's key",
      () => ({ ...ca.files, "ca-key.pem": other.files["ca-key.pem"] }),
      /ca-key\.pem is not the key of the certificate/,
    ],
    [
      "another's root",
      () => ({ ...ca.files, "root-cert.pem": other.files["root-cert.pem"] }),
      /no chain leads from ca-cert\.pem .*put the issuing root/,
    ],
    [
      "a damaged certificate",
      () => ({ ...ca.files, "root-cert.pem": ca.files["root-cert.pem"].replace(/MII/, "AAA") }),
      /root-cert\.pem: certificate 1 cannot be read/,
    ],
    [
      "too many anchors",
      () => ({ ...ca.files, "root-cert.pem": ca.files["root-cert.pem"].repeat(33) }),
      /33 certificates; at most 32/,
    ],
  ])("with %s is refused, saying where and what", (_name, files, message) => {
    expect(() => readAuthority(files(), "cacerts")).toThrow(message);
  });

  it("that is no CA is refused", async () => {
    const validity = { notBefore: testNow, notAfter: testNow + day };
    const leaf = await createLeafWithKey(await readSigningKey(ca.authority.pair), { dns: ["a.b"] }, validity);
    const files = { ...ca.files, "ca-cert.pem": leaf.certificate, "ca-key.pem": leaf.key };
    expect(() => readAuthority(files, "cacerts")).toThrow(/not a CA certificate/);
  });
});
