import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CertificateError, readCertificate } from "./certificate.ts";

x509.cryptoProvider.set(webcrypto as never);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function certificate(
  names: x509.JsonGeneralNames,
  notAfter = new Date("2030-05-06T07:08:09Z"),
): Promise<string> {
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=test",
    keys: keys as never,
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names, true)] : []),
    ],
  });
  return made.toString("pem");
}

describe("a certificate", () => {
  it.each([
    [[{ type: "url", value: "spiffe://cluster.local/ns/a/sa/b" }], ["spiffe://cluster.local/ns/a/sa/b"]],
    [
      [
        { type: "url", value: "spiffe://x" },
        { type: "dns", value: "y" },
      ],
      ["spiffe://x", "[130]"],
    ],
    [[], []],
  ] as const)("with the names %j is read", async (names, expected) => {
    const pem = await certificate([...names]);
    const read = readCertificate(pem);
    const known = new X509Certificate(pem);
    expect(read.names).toEqual(expected);
    expect(Buffer.from(read.publicKey)).toEqual(known.publicKey.export({ type: "spki", format: "der" }));
    expect(read.notAfter).toBe(Date.parse("2030-05-06T07:08:09Z"));
  });

  it("may end after 2050, where times are written otherwise", async () => {
    const end = new Date("2055-01-02T03:04:05Z");
    expect(readCertificate(await certificate([], end)).notAfter).toBe(end.getTime());
  });

  it("that is cut or changed anywhere is refused as malformed, or read: nothing else happens", async () => {
    const pem = await certificate([{ type: "url", value: "spiffe://x" }]);
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const wrap = (bytes: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString("base64")}\n-----END CERTIFICATE-----`;
    const attempt = (bytes: Uint8Array) => {
      try {
        readCertificate(wrap(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(CertificateError);
      }
    };
    for (let end = 1; end < der.length; end++) attempt(der.subarray(0, end));
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, byte) => {
        attempt(Buffer.from(der).fill(byte, at, at + 1));
      }),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
  });

  it.each(["", "nothing", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"])(
    "is not found in %j",
    (pem) => {
      expect(() => readCertificate(pem)).toThrow(CertificateError);
    },
  );
});
