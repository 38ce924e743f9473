import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { day, makeAuthority, type TestAuthority, testNow } from "./authority.fixture.ts";
import { createLeafWithKey, createRoot, readSigningKey } from "./certificates.ts";

const uri = "spiffe://cluster.local/ns/shop/sa/cart";
let ca: TestAuthority;
let folder: string;
beforeAll(async () => {
  ca = await makeAuthority();
  folder = mkdtempSync(join(tmpdir(), "weft-ca-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const leafOf = async (of: TestAuthority, validity = { notBefore: testNow, notAfter: testNow + day }) =>
  createLeafWithKey(await readSigningKey(of.authority.pair), { uri }, validity);

/** What `openssl verify` prints and exits with, at `testNow` plus an hour or at `at` (ms). */
function opensslVerify(
  of: TestAuthority,
  leaf: string,
  at = testNow + 3_600_000,
): { code: number; text: string } {
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const args = [
    "verify",
    "-x509_strict",
    "-purpose",
    "sslserver",
    "-attime",
    String(at / 1000),
    "-CAfile",
    file("root.pem", of.authority.trustBundle),
    "-untrusted",
    file("chain.pem", of.authority.chain.join("")),
    file("leaf.pem", leaf),
  ];
  try {
    return { code: 0, text: execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" }) };
  } catch (error) {
    const { status, stderr, stdout } = error as { status: number; stderr: string; stdout: string };
    return { code: status, text: stdout + stderr };
  }
}

describe("a workload's certificate", () => {
  it("has the SPIFFE id as its only name, in a critical extension, and no subject", async () => {
    const leaf = new X509Certificate((await leafOf(ca)).certificate);
    expect(leaf.subjectAltName).toBe(`URI:${uri}`);
    expect(leaf.subject).toBeUndefined();
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  });

  it("has a serial number of 128 bits that is another each time", async () => {
    const serials = await Promise.all(
      Array.from(
        { length: 20 },
        async () => new X509Certificate((await leafOf(ca)).certificate).serialNumber,
      ),
    );
    expect(new Set(serials).size).toBe(20);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it("is valid in whole seconds, as asked", async () => {
    const { certificate } = await leafOf(ca, { notBefore: testNow + 999, notAfter: testNow + 86_400_999 });
    const leaf = new X509Certificate(certificate);
    expect(leaf.validFromDate.getTime()).toBe(testNow);
    expect(leaf.validToDate.getTime()).toBe(testNow + 86_400_000);
  });

  it("passes OpenSSL's strict verification through the intermediate to the root", async () => {
    expect(opensslVerify(ca, (await leafOf(ca)).certificate)).toMatchObject({ code: 0 });
  });

  it("fails OpenSSL's verification with another root", async () => {
    const other = await makeAuthority();
    const result = opensslVerify(other, (await leafOf(ca)).certificate);
    expect(result.code).not.toBe(0);
    expect(result.text).toContain("unable to get local issuer certificate");
  });

  it("fails OpenSSL's verification once it has expired", async () => {
    const result = opensslVerify(ca, (await leafOf(ca)).certificate, testNow + 2 * day);
    expect(result.code).not.toBe(0);
    expect(result.text).toContain("certificate has expired");
  });
});

describe("a signing key", () => {
  it.each([
    ["P-256 as SEC 1", () => generateKeyPairSync("ec", { namedCurve: "prime256v1" }), "sec1"],
    ["P-384 as PKCS #8", () => generateKeyPairSync("ec", { namedCurve: "secp384r1" }), "pkcs8"],
    ["RSA as PKCS #1", () => generateKeyPairSync("rsa", { modulusLength: 2048 }), "pkcs1"],
  ] as const)("on %s is taken", async (_name, generate, type) => {
    const { certificate } = await createRoot("r", { notBefore: testNow, notAfter: testNow + day });
    const key = generate().privateKey.export({ format: "pem", type }).toString();
    await expect(readSigningKey({ certificate, key })).resolves.toHaveProperty("algorithm");
  });

  it("of another kind is refused, naming both", async () => {
    const { certificate } = await createRoot("r", { notBefore: testNow, notAfter: testNow + day });
    const key = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    await expect(readSigningKey({ certificate, key })).rejects.toThrow(
      /ed25519.*expected P-256, P-384 or RSA/,
    );
  });
});
