/** What a connection needs that originates TLS (DestinationRule's `SIMPLE` and `MUTUAL`), from files or from a Secret. */
import type { ClientTls } from "../../crds/service-config.ts";
import type { Revocation } from "./revocation.ts";
import { Revocations } from "./revocations.ts";
import type { TlsFiles } from "./tls-files.ts";

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
  readonly #revocations = new Revocations();

  constructor(files: TlsFiles) {
    this.#files = files;
  }

  /** Of now, on a monotonic clock in ms; at once where nothing has to be fetched. Throws or rejects when it cannot be read. */
  of(tls: ClientTls, now: number): TlsMaterial | Promise<TlsMaterial> {
    const read = (path: string | undefined) => (path === undefined ? undefined : this.#files.pem(path, now));
    const anchors = read(tls.caCertificates);
    const certificate = read(tls.clientCertificate);
    const key = read(tls.privateKey);
    const { caCrl } = tls;
    // Where nothing is verified, nothing is revoked.
    const lists = tls.insecureSkipVerify === true ? undefined : read(caCrl);
    if (caCrl === undefined || lists === undefined)
      return { anchors, certificate, key, revocation: undefined };
    if (anchors === undefined)
      throw new Error("caCrl needs the authorities that signed it, in caCertificates");
    return this.#revocations
      .of(`${tls.caCertificates}\n${caCrl}`, anchors, lists)
      .then((revocation) => ({ anchors, certificate, key, revocation }));
  }
}
