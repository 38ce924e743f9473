/**
 * Revocation lists (RFC 5280 section 5) against a server's certificate, as Envoy takes them: once there is a list, every authority up to
 * the root needs one that is its own, valid now and complete, and none of them, nor the server, may stand on one.
 *
 * The runtime has verified the chain, but shows its first certificate alone. So the authorities are those of the anchors' file,
 * where intermediate ones have to stand, too: a server whose issuer is not there is refused.
 */
import {
  CertificateError,
  children,
  type Element,
  must,
  objectId,
  only,
  tags,
  time,
} from "../identity/der-elements.ts";
import { verifySignature } from "./signature.ts";

/** Why a server is refused; undefined when nothing speaks against its certificate (DER) now (Unix ms). */
export type Revocation = (certificate: Uint8Array, now: number) => string | undefined;

/** Lists are kept in memory: some hundred thousand entries are enough for anyone who lets clients read them from a file. */
const MAX_PEM = 8 * 1024 * 1024;
/** An authority above another; more is a circle. */
const MAX_DEPTH = 10;

interface Authority {
  /** The names' encodings, which whoever issues copies. */
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** Hex; undefined where the certificate does not say. */
  readonly keyId: string | undefined;
  readonly issuerKeyId: string | undefined;
  readonly publicKey: Uint8Array;
  /** Its key may sign lists. */
  readonly signsLists: boolean;
}

interface RevocationList {
  readonly issuer: string;
  readonly issuerKeyId: string | undefined;
  readonly from: number;
  /** Infinity where it does not say. */
  readonly until: number;
  readonly serials: ReadonlySet<string>;
  readonly signed: {
    readonly algorithm: string;
    readonly content: Uint8Array;
    readonly signature: Uint8Array;
  };
}

/** An authority and the list that it has signed. */
interface Listed extends Authority {
  readonly list: RevocationList | undefined;
}

/** Reads both files. Throws CertificateError for what cannot be read or was not signed by one of the authorities. */
export async function readRevocation(anchorsPem: string, listsPem: string): Promise<Revocation> {
  const authorities = blocks(anchorsPem, "CERTIFICATE").map(readAuthority);
  const lists = blocks(listsPem, "X509 CRL").map(readList);
  if (lists.length === 0) throw new CertificateError("expected a PEM revocation list, found none");
  const own = new Map<Authority, RevocationList>();
  for (const list of lists) {
    const signers = authorities.filter((authority) => isOf(list, authority) && authority.signsLists);
    for (const signer of signers) {
      if (!(await verifySignature(signer.publicKey, list.signed))) continue;
      const known = own.get(signer);
      if (known === undefined || known.from < list.from) own.set(signer, list);
    }
  }
  return judge(authorities.map((authority) => ({ ...authority, list: own.get(authority) })));
}

function judge(authorities: readonly Listed[]): Revocation {
  return (der, now) => {
    let certificate: Pick<Authority, "issuer" | "serial" | "issuerKeyId">;
    try {
      certificate = readNames(der);
    } catch (error) {
      return `its certificate cannot be read: ${String(error)}`;
    }
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const { issuer, serial, issuerKeyId } = certificate;
      const above = authorities.find(({ subject, keyId }) => subject === issuer && agree(keyId, issuerKeyId));
      const whose = depth === 0 ? "its certificate's issuer" : `the authority ${depth} above it`;
      if (above === undefined)
        return `${whose} is not among caCertificates, so that no list of it can be trusted`;
      const { list } = above;
      if (list === undefined) return `${whose} has no revocation list in caCrl`;
      if (now < list.from) return `the revocation list of ${whose} is of the future`;
      if (now > list.until)
        return `the revocation list of ${whose} ended ${new Date(list.until).toISOString()}`;
      if (list.serials.has(serial))
        return depth === 0
          ? "its certificate is revoked"
          : "the certificate of an authority above it is revoked";
      // A root is its own issuer.
      if (above.subject === above.issuer) return undefined;
      certificate = above;
    }
    return "its chain of authorities has no end";
  };
}

function isOf(list: RevocationList, { subject, keyId }: Authority): boolean {
  return subject === list.issuer && agree(keyId, list.issuerKeyId);
}

/** Names are compared always, keys where both sides name them: an authority may have had several. */
function agree(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function blocks(pem: string, label: string): Uint8Array[] {
  if (pem.length > MAX_PEM)
    throw new CertificateError(`expected at most ${MAX_PEM} bytes, found ${pem.length}`);
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, "g");
  return [...pem.matchAll(pattern)].map(([, base64 = ""]) => Buffer.from(base64, "base64"));
}

interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

const AUTHORITY_KEY = "2.5.29.35";
const SUBJECT_KEY = "2.5.29.14";
const KEY_USAGE = "2.5.29.15";
const LIST_NUMBER = "2.5.29.20";
/** cRLSign, the seventh bit. */
const SIGNS_LISTS = 0x02;

function readAuthority(der: Uint8Array): Authority {
  const { names, fields } = readTbs(der);
  const [, , , , subject, key] = fields;
  const own = names.extensions;
  const usage = own.get(KEY_USAGE);
  return {
    subject: hex(must(subject, tags.sequence).whole),
    issuer: names.issuer,
    serial: names.serial,
    keyId: keyIdOf(own.get(SUBJECT_KEY)),
    issuerKeyId: names.issuerKeyId,
    publicKey: must(key, tags.sequence).whole,
    signsLists:
      usage === undefined || ((only(usage.value, tags.bitString).content[1] ?? 0) & SIGNS_LISTS) !== 0,
  };
}

function readNames(der: Uint8Array): Pick<Authority, "issuer" | "serial" | "issuerKeyId"> {
  return readTbs(der).names;
}

function readTbs(der: Uint8Array) {
  const [tbs] = children(only(der, tags.sequence), tags.sequence);
  const all = children(must(tbs, tags.sequence));
  // The version is left out by version 1.
  const fields = all[0]?.tag === tags.version ? all.slice(1) : all;
  const [serial, , issuer] = fields;
  const extensions = extensionsOf(fields.find(({ tag }) => tag === tags.extensions));
  return {
    fields,
    names: {
      serial: hex(must(serial, tags.integer).content),
      issuer: hex(must(issuer, tags.sequence).whole),
      issuerKeyId: authorityKeyIdOf(extensions.get(AUTHORITY_KEY)),
      extensions,
    },
  };
}

function readList(der: Uint8Array): RevocationList {
  const [content, algorithm, signature] = children(only(der, tags.sequence), tags.sequence);
  const tbs = must(content, tags.sequence);
  const all = children(tbs);
  const fields = all[0]?.tag === tags.integer ? all.slice(1) : all;
  const [inner, issuer, from, ...rest] = fields;
  const hasEnd = rest[0]?.tag === tags.utcTime || rest[0]?.tag === tags.generalizedTime;
  const revoked = rest.find(({ tag }) => tag === tags.sequence);
  const extensions = extensionsOf(rest.find(({ tag }) => tag === tags.version));
  for (const [id, { critical }] of extensions) {
    // Such a list is of a part alone, or of changes.
    if (critical && id !== AUTHORITY_KEY && id !== LIST_NUMBER)
      throw new CertificateError(`a revocation list with the critical extension ${id} is not understood`);
  }
  const outer = must(algorithm, tags.sequence);
  if (hex(must(inner, tags.sequence).whole) !== hex(outer.whole))
    throw new CertificateError("a revocation list names two signature algorithms");
  const bits = must(signature, tags.bitString).content;
  if (bits[0] !== 0) throw new CertificateError("a signature of part of a byte");
  const [id] = children(outer);
  return {
    issuer: hex(must(issuer, tags.sequence).whole),
    issuerKeyId: authorityKeyIdOf(extensions.get(AUTHORITY_KEY)),
    from: time(from),
    until: hasEnd ? time(rest[0]) : Number.POSITIVE_INFINITY,
    serials: revoked === undefined ? new Set() : serialsOf(revoked),
    signed: {
      algorithm: objectId(must(id, tags.objectIdentifier)),
      content: tbs.whole,
      signature: bits.subarray(1),
    },
  };
}

function serialsOf(revoked: Element): Set<string> {
  const serials = new Set<string>();
  for (const entry of children(revoked)) {
    const [serial, , extensions] = children(must(entry, tags.sequence));
    for (const [id, { critical }] of extensions === undefined ? [] : extensionList(extensions)) {
      // An entry may be of another issuer's certificate.
      if (critical)
        throw new CertificateError(
          `a revocation list with the critical extension ${id} of an entry is not understood`,
        );
    }
    serials.add(hex(must(serial, tags.integer).content));
  }
  return serials;
}

/** Those behind an explicit tag. */
function extensionsOf(element: Element | undefined): Map<string, Extension> {
  return element === undefined ? new Map() : new Map(extensionList(only(element.content, tags.sequence)));
}

function extensionList(list: Element): [string, Extension][] {
  return children(must(list, tags.sequence)).map((extension) => {
    const [id, ...rest] = children(must(extension, tags.sequence));
    const [flag] = rest;
    const critical = flag?.tag === tags.boolean && flag.content[0] !== 0;
    const { content: value } = must(rest.at(-1), tags.octetString);
    return [objectId(must(id, tags.objectIdentifier)), { critical, value }];
  });
}

function keyIdOf(extension: Extension | undefined): string | undefined {
  return extension && hex(only(extension.value, tags.octetString).content);
}

/** `keyIdentifier` is `[0]`, and may be left out. */
function authorityKeyIdOf(extension: Extension | undefined): string | undefined {
  const first = extension && children(only(extension.value, tags.sequence)).find(({ tag }) => tag === 0x80);
  return first && hex(first.content);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
