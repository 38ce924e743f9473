import { createPublicKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCsr } from "./authority.fixture.ts";
import { maxCsrBytes, readCsr } from "./csr.ts";
import { CaError } from "./errors.ts";

const body = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const armour = (der: Uint8Array, tag = "CERTIFICATE REQUEST") =>
  `-----BEGIN ${tag}-----\n${Buffer.from(der).toString("base64")}\n-----END ${tag}-----\n`;

describe("a certificate signing request", () => {
  it("gives the key that it is signed with", async () => {
    const { pem, keys } = await makeCsr();
    const spki = await readCsr(pem);
    expect(createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).asymmetricKeyType).toBe(
      "ec",
    );
    expect(Buffer.from(spki)).toEqual(Buffer.from(await crypto.subtle.exportKey("spki", keys.publicKey)));
  });

  it.each([
    ["P-384", { name: "ECDSA", namedCurve: "P-384" }],
    [
      "RSA",
      {
        name: "RSASSA-PKCS1-v1_5",
        hash: "SHA-256",
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
      },
    ],
  ])("with a key on %s is refused, naming what was found", async (_name, algorithm) => {
    const { pem } = await makeCsr(algorithm);
    await expect(readCsr(pem)).rejects.toMatchObject({
      code: "WEFT_CA_UNSUPPORTED_KEY",
      message: expect.stringContaining(algorithm.name),
    });
  });

  it("whose signature is not made with its own key is refused", async () => {
    const der = body((await makeCsr()).pem);
    const other = body((await makeCsr()).pem);
    // The key's 64 bytes begin after the fixed start of a P-256 SubjectPublicKeyInfo.
    const prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
    const from = other.indexOf(prefix);
    const forged = Buffer.from(der);
    other.copy(forged, der.indexOf(prefix), from, from + 91);
    await expect(readCsr(armour(forged))).rejects.toMatchObject({ code: "WEFT_CA_BAD_CSR" });
  });

  it.each([
    ["nothing", ""],
    ["no PEM", "hello"],
    ["another PEM block", armour(Buffer.from("aaaa"), "CERTIFICATE")],
    ["no DER", armour(Buffer.from("aaaa"))],
    ["an empty block", "-----BEGIN CERTIFICATE REQUEST-----\n\n-----END CERTIFICATE REQUEST-----"],
  ])("that is %s is refused", async (_name, pem) => {
    await expect(readCsr(pem)).rejects.toMatchObject({ code: "WEFT_CA_BAD_CSR" });
  });

  it("two of them in one text are refused", async () => {
    const { pem } = await makeCsr();
    await expect(readCsr(`${pem}\n${pem}`)).rejects.toMatchObject({ code: "WEFT_CA_BAD_CSR" });
  });

  it("larger than a request can be is refused before it is parsed", async () => {
    await expect(readCsr("a".repeat(maxCsrBytes + 1))).rejects.toMatchObject({ code: "WEFT_CA_TOO_LARGE" });
  });

  it("of any bytes is refused with an error of the table, never another", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.uint8Array({ maxLength: 600 }).map((b) => armour(b)),
        ),
        async (pem) => {
          await expect(readCsr(pem)).rejects.toBeInstanceOf(CaError);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("with any bytes changed is refused with an error of the table, or was changed where nothing is signed", async () => {
    const { pem } = await makeCsr();
    const der = body(pem);
    const change = fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255), cut: fc.nat(der.length) });
    await fc.assert(
      fc.asyncProperty(change, fc.boolean(), async ({ at, to, cut }, truncate) => {
        const changed = Buffer.from(der);
        changed[at] = to;
        const sent = truncate ? changed.subarray(0, cut) : changed;
        const outcome = await readCsr(armour(sent)).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(CaError);
        else expect(outcome).toHaveLength(91);
      }),
      { numRuns: 300 },
    );
  });
});
