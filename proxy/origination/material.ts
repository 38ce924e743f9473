/** What a connection needs that originates TLS (DestinationRule's `SIMPLE` and `MUTUAL`), from files or from a Secret. */
import type { ClientTls } from "../../crds/service-config.ts";
import { type Credential, CredentialError, demand } from "./credential.ts";
import type { Credentials } from "./credentials.ts";
import type { TlsFiles } from "./files.ts";
import type { Revocation } from "./revocation.ts";
import { Revocations } from "./revocations.ts";

export interface TlsMaterial {
  /** PEM; undefined: the roots that the runtime carries. */
  readonly anchors: string | undefined;
  /** PEM of our own, for `MUTUAL`. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly revocation: Revocation | undefined;
}

export class TlsMaterials {
  readonly #files: TlsFiles;
  readonly #credentials: Credentials | undefined;
  readonly #revocations = new Revocations();

  /** Without credentials for a proxy that has no API server to read them from. */
  constructor(files: TlsFiles, credentials: Credentials | undefined) {
    this.#files = files;
    this.#credentials = credentials;
  }

  /** Of now, on a monotonic clock in ms; at once where nothing has to be fetched. Throws or rejects when it cannot be had. */
  of(tls: ClientTls, now: number): TlsMaterial | Promise<TlsMaterial> {
    const name = tls.credentialName;
    return name === undefined ? this.#ofFiles(tls, now) : this.#ofCredential(tls, name);
  }

  #ofFiles(tls: ClientTls, now: number): TlsMaterial | Promise<TlsMaterial> {
    const read = (path: string | undefined) => (path === undefined ? undefined : this.#files.pem(path, now));
    const { caCertificates, caCrl } = tls;
    return this.#judged(tls, `${caCertificates}\n${caCrl}`, {
      certificate: read(tls.clientCertificate),
      key: read(tls.privateKey),
      anchors: read(caCertificates),
      lists: isVerified(tls) ? read(caCrl) : undefined,
    });
  }

  #ofCredential(tls: ClientTls, name: string): TlsMaterial | Promise<TlsMaterial> {
    if (this.#credentials === undefined)
      throw new CredentialError(
        `credentialName ${name}: there is no API server to read it from; next: name files`,
      );
    const mutual = tls.mode === "MUTUAL";
    const take = (found: Credential) => {
      const { certificate, key, ...authorities } = demand(found, {
        text: name,
        mutual,
        verified: isVerified(tls),
      });
      return this.#judged(tls, name, { ...authorities, ...(mutual ? { certificate, key } : NO_PAIR) });
    };
    const credential = this.#credentials.of(name);
    return credential instanceof Promise ? credential.then(take) : take(credential);
  }

  /** With the lists that stand at `place`. */
  #judged(
    tls: ClientTls,
    place: string,
    { lists, ...given }: Credential,
  ): TlsMaterial | Promise<TlsMaterial> {
    // Where nothing is verified, nothing is revoked.
    if (lists === undefined || !isVerified(tls)) return { ...given, revocation: undefined };
    if (given.anchors === undefined)
      throw new Error("caCrl needs the authorities that signed it, in caCertificates");
    return this.#revocations.of(place, given.anchors, lists).then((revocation) => ({ ...given, revocation }));
  }
}

const NO_PAIR = { certificate: undefined, key: undefined };

function isVerified(tls: ClientTls): boolean {
  return tls.insecureSkipVerify !== true;
}
