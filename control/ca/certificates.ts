import { createPrivateKey, type KeyObject, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "./x509.ts";

/** A certificate with the key that it certifies, both PEM; the key is PKCS #8. */
export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

/** A private key that signs certificates, and what stands as their issuer. */
export interface SigningKey {
  readonly certificate: x509.X509Certificate;
  readonly key: CryptoKey;
  readonly algorithm: webcrypto.Algorithm | webcrypto.EcdsaParams;
}

export interface Validity {
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export type LeafName = { readonly uri: string } | { readonly dns: readonly string[] };

const p256 = { name: "ECDSA", namedCurve: "P-256" };
const p256Sha256 = { name: "ECDSA", hash: "SHA-256" };
const organization = "weft.dev";

/** A new self-signed root on P-256 that may sign one level of intermediates. */
export async function createRoot(commonName: string, validity: Validity): Promise<KeyPairPem> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ O: [organization] }, { CN: [commonName] }],
    ...dates(validity),
    keys,
    signingAlgorithm: p256Sha256,
    extensions: [...authorityExtensions(1), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
  });
  return { certificate: pemOf(certificate), key: await exportKey(keys.privateKey) };
}

/** A new intermediate on P-256, signed by `issuer`, that signs leaves alone (path length 0). */
export async function createIntermediate(
  issuer: SigningKey,
  commonName: string,
  validity: Validity,
): Promise<KeyPairPem> {
  const keys = await generate();
  const certificate = await issue(issuer, keys.publicKey, validity, {
    subject: [{ O: [organization] }, { CN: [commonName] }],
    extensions: authorityExtensions(0),
  });
  return { certificate, key: await exportKey(keys.privateKey) };
}

/**
 * A leaf for server and client authentication. The subject is empty, hence the name extension is critical
 * (RFC 5280 4.1.2.6); a URI stands alone in it (X509-SVID 4.1).
 */
export function createLeaf(
  issuer: SigningKey,
  publicKey: x509.PublicKeyType,
  name: LeafName,
  validity: Validity,
): Promise<string> {
  const names: x509.JsonGeneralNames =
    "uri" in name
      ? [{ type: "url", value: name.uri }]
      : name.dns.map((value) => ({ type: "dns", value }) as const);
  return issue(issuer, publicKey, validity, {
    subject: "",
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(names, true),
    ],
  });
}

/** A leaf with a fresh key of its own. */
export async function createLeafWithKey(
  issuer: SigningKey,
  name: LeafName,
  validity: Validity,
): Promise<KeyPairPem> {
  const keys = await generate();
  const certificate = await createLeaf(issuer, keys.publicKey, name, validity);
  return { certificate, key: await exportKey(keys.privateKey) };
}

/**
 * Reads a certificate and its key (PKCS #8, SEC 1 or PKCS #1; EC or RSA), as users bring them.
 * Throws when the key is of another kind or does not belong to the certificate.
 */
export async function readSigningKey(pair: KeyPairPem): Promise<SigningKey> {
  const certificate = new x509.X509Certificate(pair.certificate);
  const key = createPrivateKey(pair.key);
  const algorithm = signatureAlgorithm(key);
  const der = key.export({ format: "der", type: "pkcs8" });
  const imported = await webcrypto.subtle.importKey("pkcs8", der, algorithm.import, false, ["sign"]);
  return { certificate, key: imported, algorithm: algorithm.sign };
}

function signatureAlgorithm(key: KeyObject): {
  import: webcrypto.EcKeyImportParams | webcrypto.RsaHashedImportParams;
  sign: webcrypto.Algorithm | webcrypto.EcdsaParams;
} {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return { import: p256, sign: p256Sha256 };
  if (key.asymmetricKeyType === "ec" && curve === "secp384r1") {
    return { import: { name: "ECDSA", namedCurve: "P-384" }, sign: { name: "ECDSA", hash: "SHA-384" } };
  }
  if (key.asymmetricKeyType === "rsa") {
    const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { import: rsa, sign: rsa };
  }
  throw new Error(
    `the signing key is ${key.asymmetricKeyType ?? "unknown"} ${curve ?? ""}; expected P-256, P-384 or RSA`,
  );
}

async function issue(
  issuer: SigningKey,
  publicKey: x509.PublicKeyType,
  validity: Validity,
  what: { subject: x509.JsonName | string; extensions: x509.Extension[] },
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: what.subject,
    issuer: issuer.certificate.subjectName,
    ...dates(validity),
    publicKey,
    signingKey: issuer.key,
    signingAlgorithm: issuer.algorithm,
    extensions: [
      ...what.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  });
  return pemOf(certificate);
}

function authorityExtensions(pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

const generate = () => webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);

async function exportKey(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

const pemOf = (certificate: x509.X509Certificate) => `${certificate.toString("pem")}\n`;

/** 127 random bits: positive and of a fixed length, whatever the first byte (RFC 5280 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

/** X.509 counts whole seconds. */
function dates(validity: Validity): { notBefore: Date; notAfter: Date } {
  const whole = (ms: number) => new Date(Math.floor(ms / 1000) * 1000);
  return { notBefore: whole(validity.notBefore), notAfter: whole(validity.notAfter) };
}
