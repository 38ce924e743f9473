/** Roots and workload certificates for tests, made by control's own authority. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import {
  createLeafWithKey,
  createRoot,
  type KeyPairPem,
  readSigningKey,
  type SigningKey,
} from "../../control/ca/certificates.ts";

const HOUR = 3_600_000;

export interface TestIdentity {
  readonly certificate: string;
  readonly key: string;
  readonly trust: string;
  readonly id: string;
}

export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export class TestAuthority {
  readonly root: KeyPairPem;
  readonly #signing: SigningKey;

  private constructor(root: KeyPairPem, signing: SigningKey) {
    this.root = root;
    this.#signing = signing;
  }

  static async create(name = "Test Root"): Promise<TestAuthority> {
    const now = Date.now();
    const root = await createRoot(name, { notBefore: now - 48 * HOUR, notAfter: now + 48 * HOUR });
    return new TestAuthority(root, await readSigningKey(root));
  }

  /** An identity of `namespace` and service account; `trust` is what it verifies peers against: this root by default. */
  async issue(
    account: string,
    options: { validity?: Validity; trust?: string; trustDomain?: string; namespace?: string } = {},
  ): Promise<TestIdentity> {
    const now = Date.now();
    const { trustDomain = "cluster.local", namespace = "demo" } = options;
    const id = `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
    const validity = options.validity ?? { notBefore: now - HOUR, notAfter: now + 24 * HOUR };
    const { certificate, key } = await createLeafWithKey(this.#signing, { uri: id }, validity);
    return { certificate, key, trust: options.trust ?? this.root.certificate, id };
  }
}

/** A validity that was over an hour ago. */
export function expired(): Validity {
  const now = Date.now();
  return { notBefore: now - 24 * HOUR, notAfter: now - HOUR };
}

/** A connection to the server's proxy at `host`, for its container port, as the proxy of another workload opens it. */
export function connectAs(
  identity: Partial<TestIdentity>,
  host: string,
  containerPort: number,
  options: ConnectionOptions = {},
): TLSSocket {
  return connect({
    host,
    port: 15008,
    cert: identity.certificate,
    key: identity.key,
    rejectUnauthorized: false,
    servername: `outbound_.${containerPort}_._.web.demo.svc.cluster.local`,
    ALPNProtocols: ["http/1.1"],
    ...options,
  });
}

/** The fingerprint of the certificate that a listener shows. */
export async function certificateAt(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  // It asks for a certificate, which we do not have: that it refuses us comes after its own.
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

export function fingerprintOf({ certificate }: Pick<TestIdentity, "certificate">): string {
  return new X509Certificate(certificate).fingerprint256;
}
