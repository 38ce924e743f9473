/**
 * Mutual TLS between two proxies: the listener on 15008 and the dial to it.
 *
 * The runtime verifies the chain and reports; it does not act on identities (`checkServerIdentity` is not asked on raw
 * sockets), so both sides are let through here only after `judgePeer`, in the handshake event, before a byte of
 * application data is read or sent. TLS 1.3 alone, ALPN always; sessions resume on both sides.
 */
import type { Socket as BunSocket, TCPSocketListener } from "bun";
import {
  asRaw,
  type Dial,
  type DialEvents,
  type Listener,
  type ListenOptions,
  openAny,
  plainAddress,
  socketEvents,
} from "./listen.ts";
import { Socket } from "./socket.ts";
import { type HandshakeFailure, judgePeer, type PeerEvidence } from "./spiffe.ts";
import { TimerEntry, type TimerWheel } from "./timer-wheel.ts";
import {
  alpnWire,
  type DialRefusal,
  dialTls,
  errorCode,
  handshakeFailure,
  type PrintedCertificate,
  type ServerEvidence,
} from "./tls-dial.ts";

/** Certificate, key and anchors, as PEM. */
export interface TlsIdentity {
  readonly certChainPem: string;
  readonly keyPem: string;
  readonly trustBundle: string;
}

/** SSL_OP_NO_TLSv1, 1_1 and 1_2: the wire between proxies is TLS 1.3. */
const ONLY_TLS_1_3 = 0x04000000 | 0x10000000 | 0x08000000;
/** A peer that has not proved itself by then is using our memory for nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A connection whose peer has proved its identity. */
export interface AcceptedPeer {
  readonly socket: Socket;
  readonly localAddress: string;
  /** `spiffe://…` */
  readonly id: string;
  /** Hex SHA-256 of the peer's certificate, lower case without colons. */
  readonly certificateHash: string;
  readonly sni: string;
  readonly alpn: string;
}

export interface MutualListenOptions extends ListenOptions {
  readonly alpn: readonly string[];
  readonly wheel: TimerWheel;
  /** Unix ms. */
  now(): number;
  /** Whether a client of this identity may connect at all. */
  accepts(id: string): boolean;
  refused(reason: HandshakeFailure): void;
}

export interface MutualListener extends Listener {
  /** Serves new connections with this identity; those there are live on. */
  rotate(identity: TlsIdentity): void;
}

type Slot = { socket: Socket | undefined; deadline: Deadline | undefined };

/** Ends a handshake that takes too long. */
class Deadline extends TimerEntry {
  readonly #expired: () => void;
  constructor(expired: () => void) {
    super();
    this.#expired = expired;
  }
  expire(): void {
    this.#expired();
  }
}

/** Listens for peers; `accept` sets the socket's `events` before it returns. */
export function listenMutual(
  options: MutualListenOptions,
  identity: TlsIdentity,
  accept: (peer: AcceptedPeer) => void,
): MutualListener {
  const { wheel } = options;
  const alpn = alpnWire(options.alpn);
  let { port } = options;

  const settle = (raw: BunSocket<Slot>) => {
    const { deadline } = raw.data;
    if (deadline !== undefined) wheel.disarm(deadline);
    raw.data.deadline = undefined;
  };
  const refuse = (raw: BunSocket<Slot>, reason: HandshakeFailure) => {
    settle(raw);
    options.refused(reason);
    raw.terminate();
  };

  const open = (current: TlsIdentity): TCPSocketListener<Slot> =>
    openAny(options.host, (hostname) => openOn(hostname, current));
  const openOn = (hostname: string, current: TlsIdentity): TCPSocketListener<Slot> =>
    Bun.listen<Slot>({
      hostname,
      port,
      allowHalfOpen: true,
      // Two listeners share the port while the certificate changes.
      ...{ reusePort: true },
      tls: {
        cert: current.certChainPem,
        key: current.keyPem,
        ca: current.trustBundle,
        requestCert: true,
        rejectUnauthorized: false,
        secureOptions: ONLY_TLS_1_3,
        ALPNProtocols: alpn,
      },
      socket: {
        ...(socketEvents as unknown as object),
        open(raw) {
          const deadline = new Deadline(() => refuse(raw, "timeout"));
          raw.data = { socket: undefined, deadline };
          wheel.arm(deadline, HANDSHAKE_TIMEOUT_MS);
        },
        handshake(raw, success, error) {
          if (raw.data.deadline === undefined) return;
          if (!success) return refuse(raw, handshakeFailure(error));
          const certificate = raw.getPeerCertificate() as PrintedCertificate | undefined;
          const verdict = judgePeer(evidence(certificate, errorCode(error)), options.now(), options.accepts);
          if (verdict.kind === "refused") return refuse(raw, verdict.reason);
          if (typeof raw.alpnProtocol !== "string") return refuse(raw, "protocol");
          // A client that reset its connection before we took it has no address any more.
          if (raw.remoteAddress === undefined) return refuse(raw, "reset");
          settle(raw);
          raw.setNoDelay(true);
          const socket = new Socket(asRaw(raw), plainAddress(raw.remoteAddress));
          raw.data.socket = socket;
          accept({
            socket,
            localAddress: plainAddress(raw.localAddress),
            id: verdict.id,
            certificateHash: (certificate?.fingerprint256 ?? "").replaceAll(":", "").toLowerCase(),
            sni: raw.getServername() ?? "",
            alpn: raw.alpnProtocol,
          });
        },
        close(raw, error) {
          if (raw.data === undefined) return;
          if (raw.data.deadline !== undefined) {
            settle(raw);
            options.refused("reset");
          }
          raw.data.socket?.onClose(error);
        },
      },
    });

  let listener = open(identity);
  port = listener.port;
  return {
    port,
    stop: () => listener.stop(false),
    rotate(next) {
      const previous = listener;
      listener = open(next);
      // What came to it while the certificate was read is accepted first: the kernel resets what waits at a listener that ends.
      setTimeout(() => previous.stop(false), 0);
    },
  };
}

export interface MutualDialOptions {
  readonly identity: TlsIdentity;
  readonly sni: string;
  readonly alpn: string;
  /** The SPIFFE id that must stand there. */
  readonly peer: string;
  /** A session of an earlier connection to this peer with this identity. */
  readonly session: Buffer | undefined;
  /** Called once, when the connection has a session that the next one may resume with. */
  resumable(session: Buffer): void;
  /** Unix ms. */
  now(): number;
}

/** Opens a connection to a peer proxy and proves its identity. */
export function dialMutual(host: string, port: number, options: MutualDialOptions, events: DialEvents): Dial {
  const { identity, sni, alpn, peer, session, resumable } = options;
  const tls = {
    cert: identity.certChainPem,
    key: identity.keyPem,
    ca: identity.trustBundle,
    secureOptions: ONLY_TLS_1_3,
    serverName: sni,
    alpn: [alpn],
  };
  const judge = ({ chainError, certificate, protocol }: ServerEvidence): DialRefusal | undefined => {
    const verdict = judgePeer(evidence(certificate, chainError), options.now(), (id) => id === peer);
    if (verdict.kind === "refused") {
      const found = certificate?.subjectaltname ?? "no certificate";
      return {
        reason: `tls_${verdict.reason}`,
        message: `expected ${peer}, found ${found} (${chainError ?? "chain verified"})`,
      };
    }
    return protocol === alpn ? undefined : { reason: "tls_protocol", message: `expected ALPN ${alpn}` };
  };
  return dialTls(host, port, { tls, session, resumable, judge }, events);
}

function evidence(certificate: PrintedCertificate | undefined, chainError: string | undefined): PeerEvidence {
  const subjectAltName = certificate?.subjectaltname;
  return {
    chainError,
    hasCertificate: certificate !== undefined && certificate.valid_to !== undefined,
    subjectAltName,
    notAfter: certificate?.valid_to,
  };
}
