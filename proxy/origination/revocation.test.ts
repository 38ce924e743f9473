import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createIntermediate,
  createLeafWithKey,
  createRoot,
  type KeyPairPem,
  readSigningKey,
} from "../../control/ca/certificates.ts";
import * as x509 from "../../control/ca/x509.ts";
import { CertificateError } from "../identity/der-elements.ts";
import { readRevocation } from "./revocation.ts";

const HOUR = 3_600_000;
const now = Math.floor(Date.now() / 1000) * 1000;
const valid = { notBefore: now - HOUR, notAfter: now + HOUR };

const root = await createRoot("Root", valid);
const other = await createRoot("Root", valid);
const middle = await createIntermediate(await readSigningKey(root), "Middle", valid);
const server = (await createLeafWithKey(await readSigningKey(middle), { dns: ["x.example"] }, valid))
  .certificate;
const direct = (await createLeafWithKey(await readSigningKey(root), { dns: ["x.example"] }, valid))
  .certificate;
const stray = (await createLeafWithKey(await readSigningKey(other), { dns: ["x.example"] }, valid))
  .certificate;
const anchors = root.certificate + middle.certificate;

const serialOf = (pem: string) => new x509.X509Certificate(pem).serialNumber;
const derOf = (pem: string) => new Uint8Array(new x509.X509Certificate(pem).rawData);

interface ListOptions {
  readonly from?: number;
  readonly until?: number;
  readonly extensions?: x509.Extension[];
  /** Whose key signs; by default the issuer's. */
  readonly signer?: KeyPairPem;
}

/** A list of an authority with these certificates on it. */
async function listOf(
  issuer: KeyPairPem,
  revoked: readonly string[],
  options: ListOptions = {},
): Promise<string> {
  const signer = await readSigningKey(options.signer ?? issuer);
  const made = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(issuer.certificate).subjectName,
    thisUpdate: new Date(options.from ?? now - HOUR),
    nextUpdate: new Date(options.until ?? now + HOUR),
    entries: revoked.map((pem) => ({ serialNumber: serialOf(pem), revocationDate: new Date(now - HOUR) })),
    extensions: options.extensions ?? [],
    signingAlgorithm: signer.algorithm,
    signingKey: signer.key as never,
  });
  return pemOf(made);
}

/** The label that RFC 7468 section 7 has for it. */
const pemOf = (list: x509.X509Crl) => `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;

const emptyRoot = await listOf(root, []);
const emptyMiddle = await listOf(middle, []);

describe("a server's certificate", () => {
  it("is good when every authority above it has a list, and none lists it", async () => {
    const judge = await readRevocation(anchors, emptyRoot + emptyMiddle);
    expect(judge(derOf(server), now)).toBeUndefined();
    expect(judge(derOf(direct), now)).toBeUndefined();
  });

  it.each([
    ["its issuer lists it", () => listOf(middle, [direct, server]), emptyRoot, "its certificate is revoked"],
    [
      "its issuer's issuer lists that",
      () => listOf(root, [middle.certificate]),
      emptyMiddle,
      "the certificate of an authority",
    ],
    ["its issuer has no list", () => listOf(root, []), "", "its certificate's issuer has no revocation list"],
    [
      "an authority above has none",
      () => listOf(middle, []),
      "",
      "the authority 1 above it has no revocation list",
    ],
    ["the list has ended", () => listOf(middle, [], { until: now - 1_000 }), emptyRoot, "ended"],
    [
      "the list is of the future",
      () => listOf(middle, [], { from: now + 60_000 }),
      emptyRoot,
      "of the future",
    ],
    [
      "somebody else has signed the list",
      () => listOf(middle, [], { signer: other }),
      emptyRoot,
      "no revocation list",
    ],
  ])("is refused when %s", async (_, list, more, why) => {
    const judge = await readRevocation(anchors, (await list()) + more);
    expect(judge(derOf(server), now)).toContain(why);
  });

  it("is refused when its issuer is not among the anchors, or only one of its name", async () => {
    const judge = await readRevocation(root.certificate, emptyRoot);
    expect(judge(derOf(server), now)).toContain("not among caCertificates");
    const full = await readRevocation(anchors, emptyRoot + emptyMiddle);
    expect(full(derOf(direct), now)).toBeUndefined();
    expect(full(derOf(stray), now)).toContain("not among caCertificates");
  });

  it("is judged by the youngest list of an authority", async () => {
    const old = await listOf(root, [direct], { from: now - HOUR });
    const young = await listOf(root, [], { from: now - 1_000 });
    for (const lists of [old + young, young + old]) {
      const judge = await readRevocation(anchors, lists);
      expect(judge(derOf(direct), now)).toBeUndefined();
    }
  });

  it("is not judged by the list of an authority that may not sign any", async () => {
    const key = await readSigningKey(root);
    const unable = await x509.X509CertificateGenerator.create({
      subject: "CN=Unable",
      issuer: key.certificate.subjectName,
      notBefore: new Date(valid.notBefore),
      notAfter: new Date(valid.notAfter),
      publicKey: new x509.X509Certificate(middle.certificate).publicKey,
      signingKey: key.key as never,
      signingAlgorithm: key.algorithm,
      extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
    });
    const pair = { certificate: `${unable.toString("pem")}\n`, key: middle.key };
    const leaf = await createLeafWithKey(await readSigningKey(pair), { dns: ["x.example"] }, valid);
    const judge = await readRevocation(anchors + pair.certificate, (await listOf(pair, [])) + emptyRoot);
    expect(judge(derOf(leaf.certificate), now)).toContain("no revocation list");
  });

  it.each([
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      publicExponent: new Uint8Array([1, 0, 1]),
      modulusLength: 2048,
    },
    { name: "ECDSA", hash: "SHA-384", namedCurve: "P-384" },
    { name: "ECDSA", hash: "SHA-512", namedCurve: "P-521" },
    { name: "Ed25519" },
  ])("may have a list that is signed by $name $hash $namedCurve", async (algorithm) => {
    const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
    const dates = { notBefore: new Date(valid.notBefore), notAfter: new Date(valid.notAfter) };
    const authority = await x509.X509CertificateGenerator.createSelfSigned({
      name: "CN=Any",
      ...dates,
      keys: keys as never,
      signingAlgorithm: algorithm,
    });
    const leaf = await x509.X509CertificateGenerator.create({
      subject: "CN=leaf",
      issuer: authority.subjectName,
      serialNumber: "0badcafe",
      ...dates,
      publicKey: keys.publicKey as never,
      signingKey: keys.privateKey as never,
      signingAlgorithm: algorithm,
    });
    const list = async (serialNumber: string) => {
      const made = await x509.X509CrlGenerator.create({
        issuer: authority.subjectName,
        thisUpdate: new Date(now - HOUR),
        entries: [{ serialNumber, revocationDate: new Date(now - HOUR) }],
        signingAlgorithm: algorithm,
        signingKey: keys.privateKey as never,
      });
      return pemOf(made);
    };
    const leafDer = new Uint8Array(leaf.rawData);
    expect((await readRevocation(authority.toString("pem"), await list("77")))(leafDer, now)).toBeUndefined();
    expect((await readRevocation(authority.toString("pem"), await list("0badcafe")))(leafDer, now)).toContain(
      "revoked",
    );
  });

  it("that cannot be read is refused", async () => {
    const judge = await readRevocation(anchors, emptyRoot + emptyMiddle);
    expect(judge(new Uint8Array(), now)).toContain("cannot be read");
  });
});

describe("a file of revocation lists", () => {
  const critical = (id: string) => new x509.Extension(id, true, new Uint8Array([0x05, 0x00]));

  it.each([
    ["is none", "", "found none"],
    ["has a list of changes", () => listOf(root, [], { extensions: [critical("2.5.29.27")] }), "2.5.29.27"],
    ["has a list of a part", () => listOf(root, [], { extensions: [critical("2.5.29.28")] }), "2.5.29.28"],
    ["is too large", " ".repeat(8 * 1024 * 1024 + 1), "expected at most"],
    ["is cut", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n", "beyond the end"],
  ])("is refused when it %s", async (_, lists, why) => {
    const pem = typeof lists === "string" ? lists : await lists();
    await expect(readRevocation(anchors, pem)).rejects.toThrow(why);
  });

  it("is read or refused, whatever its bytes, and lets nothing through that it does not cover", async () => {
    const der = Buffer.from(
      await listOf(middle, [server]).then((pem) => pem.split("-----")[2] ?? ""),
      "base64",
    );
    const pemWith = (bytes: Uint8Array) =>
      `-----BEGIN X509 CRL-----\n${Buffer.from(bytes).toString("base64")}\n-----END X509 CRL-----\n`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.option(fc.nat(der.length), { nil: der.length }),
        async (edits, length) => {
          const bytes = Uint8Array.from(der);
          for (const [at, value] of edits) bytes[at] = value;
          try {
            const judge = await readRevocation(anchors, emptyRoot + pemWith(bytes.subarray(0, length)));
            // What was changed is signed by nobody: at best it is as if the list was not there.
            expect(judge(derOf(server), now)).toBeDefined();
          } catch (error) {
            expect(error).toBeInstanceOf(CertificateError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("judges certificates of any bytes without an error", async () => {
    const judge = await readRevocation(anchors, emptyRoot + emptyMiddle);
    const good = derOf(direct);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, value]) => good.with(at, value)),
        ),
        (bytes) => {
          const why = judge(bytes, now);
          expect(why === undefined || typeof why === "string").toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
