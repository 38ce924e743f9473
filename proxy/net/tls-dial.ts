/**
 * A connection with TLS to a server that is judged before it exists for anyone: the runtime verifies the chain and reports, and
 * names are ours to look at (`checkServerIdentity` is not asked on raw sockets).
 */
import type { Socket as BunSocket, SocketHandler } from "bun";
import { asRaw, type Dial, type DialEvents, deliver, dialError, socketEvents } from "./listen.ts";
import { Socket } from "./socket.ts";
import type { HandshakeFailure } from "./spiffe.ts";

/** The runtime's verdict on a chain that is good, but for a name we do not go by. */
const NAME_MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID";

/** The parts that we read of what the runtime prints of a certificate. */
export interface PrintedCertificate {
  readonly subjectaltname?: string;
  readonly valid_to?: string;
  readonly fingerprint256?: string;
  /** DER. */
  readonly raw?: Uint8Array;
}

/** What a handshake tells of the server. */
export interface ServerEvidence {
  /** Undefined when the chain leads to an anchor and nothing in it has expired. */
  readonly chainError: string | undefined;
  readonly certificate: PrintedCertificate | undefined;
  /** Chosen by ALPN. */
  readonly protocol: string | undefined;
}

export interface DialRefusal {
  readonly reason: string;
  readonly message: string;
}

export interface TlsDialOptions {
  readonly tls: {
    readonly serverName: string;
    readonly alpn: readonly string[];
    /** PEM; absent: the roots that the runtime carries. */
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
    readonly secureOptions: number;
  };
  /** A session of an earlier connection to this server with these options. */
  readonly session: Buffer | undefined;
  /** Said in plaintext before the handshake. */
  readonly preface?: Uint8Array | undefined;
  /** Called once, when the connection has a session that the next one may resume with. */
  resumable(session: Buffer): void;
  /** Why the server is refused, before a byte is sent to it; undefined when it is not. */
  judge(evidence: ServerEvidence): DialRefusal | undefined;
}

/** ALPN names in wire format: each behind its length (RFC 7301 section 3.1). */
export function alpnWire(names: readonly string[]): ArrayBuffer {
  const bytes: number[] = [];
  for (const name of names) bytes.push(name.length, ...Buffer.from(name, "latin1"));
  return new Uint8Array(bytes).buffer;
}

export function errorCode(error: Error | null | undefined): string | undefined {
  if (error === null || error === undefined) return undefined;
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

export function handshakeFailure(error: Error | null | undefined): HandshakeFailure {
  return errorCode(error) === "ECONNRESET" ? "reset" : "protocol";
}

type Slot = { socket: Socket | undefined };

/** Opens a connection to `host`. */
export function dialTls(host: string, port: number, options: TlsDialOptions, events: DialEvents): Dial {
  const { serverName, alpn, secureOptions, ca, cert, key } = options.tls;
  let settled = false;
  let keptSession = false;
  let open: BunSocket<Slot> | undefined;
  const fail = (reason: string, message: string) => {
    if (settled) return;
    settled = true;
    open?.terminate();
    events.failed({ reason, message: `connect to ${host}:${port} as ${serverName}: ${message}` });
  };
  const failed = (error: Error) => {
    const { reason, message } = dialError(error, host, port);
    fail(reason, message);
  };
  const tls = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: false,
    secureOptions,
    serverName,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: alpnWire(alpn) }),
  };
  const secured: SocketHandler<Slot> = {
    ...socketEvents,
    open(raw) {
      open = raw;
      if (settled) {
        raw.terminate();
        return;
      }
      if (options.session !== undefined) raw.setSession(options.session);
    },
    handshake(raw, success, error) {
      if (settled) return;
      const code = errorCode(error);
      const certificate = raw.getPeerCertificate() as PrintedCertificate | undefined;
      if (!success && code !== NAME_MISMATCH && certificate === undefined) {
        return fail(`tls_${handshakeFailure(error)}`, `the TLS handshake failed: ${code ?? "closed"}`);
      }
      const protocol = typeof raw.alpnProtocol === "string" ? raw.alpnProtocol : undefined;
      const chainError = code === NAME_MISMATCH ? undefined : code;
      const refusal = options.judge({ chainError, certificate, protocol });
      if (refusal !== undefined) return fail(refusal.reason, refusal.message);
      settled = true;
      raw.setNoDelay(true);
      const socket = new Socket(asRaw(raw), host);
      raw.data.socket = socket;
      events.connected(socket);
    },
    data(raw, chunk) {
      if (!keptSession) {
        // Tickets come behind the handshake, so with the first bytes at the latest (RFC 8446 section 4.6.1).
        keptSession = true;
        const session = raw.getSession() as unknown as Buffer | undefined;
        if (session !== undefined) options.resumable(session);
      }
      deliver(raw.data.socket, chunk);
    },
    connectError: (_raw, error) => failed(error),
    close(raw, error) {
      fail("reset", `closed during the handshake${error === undefined ? "" : `: ${error.message}`}`);
      raw.data.socket?.onClose(error);
    },
  };
  const { preface } = options;
  const data = { socket: undefined };
  const dialled =
    preface === undefined
      ? Bun.connect<Slot>({ hostname: host, port, allowHalfOpen: true, data, tls, socket: secured })
      : Bun.connect<Slot>({
          hostname: host,
          port,
          allowHalfOpen: true,
          data,
          socket: {
            // What it reads and writes from then on is the TLS socket's affair.
            data() {},
            connectError: (_raw, error) => failed(error),
            open(raw) {
              open = raw;
              if (settled) {
                raw.terminate();
                return;
              }
              raw.write(preface);
              raw.upgradeTLS<Slot>({ data: { socket: undefined }, tls, socket: secured });
            },
          },
        });
  dialled.catch(failed);
  return {
    cancel() {
      if (settled) return;
      settled = true;
      open?.terminate();
    },
  };
}
