/** Signatures by an authority's key, as X.509 writes them (RFC 3279, RFC 4055, RFC 8410), through WebCrypto. */
import { CertificateError, children, must, objectId, only, tags } from "../identity/der-elements.ts";

export interface Signed {
  /** The signature algorithm's object identifier. */
  readonly algorithm: string;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

const RSA: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const ECDSA: Readonly<Record<string, string>> = {
  "1.2.840.10045.4.3.2": "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
};
const ED25519 = "1.3.101.112";

/** WebCrypto's names, and how many bytes a coordinate has. */
const CURVES: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  "1.2.840.10045.3.1.7": ["P-256", 32],
  "1.3.132.0.34": ["P-384", 48],
  "1.3.132.0.35": ["P-521", 66],
};

/** Whether the key (SubjectPublicKeyInfo, DER) has signed. Throws CertificateError for an algorithm that is not known, SHA-1 among them. */
export async function verifySignature(publicKey: Uint8Array, signed: Signed): Promise<boolean> {
  const { algorithm, content, signature } = signed;
  const check = async (
    importing: Parameters<typeof crypto.subtle.importKey>[2],
    verifying: Parameters<typeof crypto.subtle.verify>[0],
    raw: Uint8Array,
  ) => {
    try {
      const key = await crypto.subtle.importKey("spki", copy(publicKey), importing, false, ["verify"]);
      return await crypto.subtle.verify(verifying, key, copy(raw), copy(content));
    } catch {
      // A key of another kind than the algorithm's.
      return false;
    }
  };
  const rsa = RSA[algorithm];
  if (rsa !== undefined) {
    const name = "RSASSA-PKCS1-v1_5";
    return check({ name, hash: rsa }, { name }, signature);
  }
  const hash = ECDSA[algorithm];
  if (hash !== undefined) {
    const curve = curveOf(publicKey);
    if (curve === undefined) return false;
    const [namedCurve, bytes] = curve;
    return check({ name: "ECDSA", namedCurve }, { name: "ECDSA", hash }, rawSignature(signature, bytes));
  }
  if (algorithm === ED25519) return check({ name: "Ed25519" }, { name: "Ed25519" }, signature);
  throw new CertificateError(`the signature algorithm ${algorithm} is not known`);
}

function curveOf(publicKey: Uint8Array): readonly [string, number] | undefined {
  const [algorithm] = children(only(publicKey, tags.sequence), tags.sequence);
  const [, curve] = children(must(algorithm, tags.sequence));
  return curve?.tag === tags.objectIdentifier ? CURVES[objectId(curve)] : undefined;
}

/** Two numbers of a fixed length, as WebCrypto wants them, from a SEQUENCE of two INTEGERs. */
function rawSignature(signature: Uint8Array, bytes: number): Uint8Array {
  const raw = new Uint8Array(2 * bytes);
  const [r, s] = children(only(signature, tags.sequence));
  for (const [i, number] of [r, s].entries()) {
    const { content } = must(number, tags.integer);
    const digits = content[0] === 0 ? content.subarray(1) : content;
    if (digits.length > bytes) throw new CertificateError("a signature is longer than its curve's");
    raw.set(digits, (i + 1) * bytes - digits.length);
  }
  return raw;
}

/** WebCrypto's types take no view of what may be shared. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
