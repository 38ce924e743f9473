import "reflect-metadata";
import { generateKeyPairSync, type KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate and its key, both PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority that signs the cluster's serving and client certificates. */
export interface Authority extends Pair {
  issue(subject: Subject): Promise<Pair>;
}

/** Who a certificate speaks for; `organizations` become Kubernetes groups. */
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 86_400_000;

x509.cryptoProvider.set(webcrypto as Crypto);

/** Makes a new authority; everything it signs, and itself, is good for a year. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generate();
  const now = Date.now();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${commonName}`,
    notBefore: new Date(now - day),
    notAfter: new Date(now + 365 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: `${root.toString("pem")}\n`,
    key: await pem(keys.privateKey),
    async issue(subject) {
      const own = await generate();
      const names: x509.JsonGeneralNames = [
        ...(subject.dns ?? []).map((value) => ({ type: "dns" as const, value })),
        ...(subject.ips ?? []).map((value) => ({ type: "ip" as const, value })),
      ];
      const extensions: x509.Extension[] = [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ];
      if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: new x509.Name([
          ...(subject.organizations ?? []).map((value) => ({ O: [value] })),
          { CN: [subject.commonName] },
        ]),
        issuer: root.subject,
        notBefore: new Date(now - day),
        notAfter: new Date(now + 364 * day),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions,
      });
      return { certificate: `${leaf.toString("pem")}\n`, key: await pem(own.privateKey) };
    },
  };
}

/** The key pair with which the API server signs and checks service-account tokens, PEM. */
export function createTokenKeys(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const text = (key: KeyObject, type: "spki" | "pkcs8") => key.export({ type, format: "pem" }).toString();
  return { privateKey: text(privateKey, "pkcs8"), publicKey: text(publicKey, "spki") };
}

async function generate(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
}

/** 8 random bytes, the first bit clear: serial numbers are positive (RFC 5280, section 4.1.2.2). */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(8));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}
