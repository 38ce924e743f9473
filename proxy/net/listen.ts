/** Plaintext listeners and dials on the runtime's sockets; TLS is in `tls.ts`. */
import type { Socket as BunSocket, SocketHandler, TCPSocketListener } from "bun";
import { type RawSocket, Socket } from "./socket.ts";
import { TURN } from "./turn.ts";

export interface Listener {
  readonly port: number;
  /** Accepts no more; connections live on. */
  stop(): void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Other processes listen there as well, and the kernel gives each its share (SO_REUSEPORT). */
  readonly shared?: boolean;
}

/** What the runtime knows of an accepted connection besides its bytes. */
export interface Accepted {
  readonly socket: Socket;
  /** For `getsockopt`; valid while the socket is open. */
  readonly fd: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Set by a listener whose connections are not redirected: where they are to go. */
  readonly destination?: { readonly address: string; readonly port: number };
}

/** `fd` is there on every Bun socket, though its types do not say so. */
export interface DescribedSocket {
  readonly fd: number;
}

type Slot = { socket: Socket | undefined };

/** The events of any socket whose `data.socket` is ours; plaintext and TLS share them. */
export const socketEvents: Pick<SocketHandler<Slot>, "data" | "drain" | "end" | "close" | "error"> = {
  data: (raw, chunk) => deliver(raw.data.socket, chunk),
  drain: (raw) => raw.data.socket?.onDrain(),
  end: (raw) => raw.data.socket?.onEnd(),
  close: (raw, error) => raw.data.socket?.onClose(error),
  error: (raw, error) => {
    // A TLS record did not decrypt, or a handler of ours threw: this connection ends, the process goes on.
    raw.terminate();
    if (isBug(error)) report(error);
    raw.data.socket?.onClose(error);
  },
};

/** Gives a socket its bytes, in a turn of their own. */
export function deliver(socket: Socket | undefined, chunk: Buffer): void {
  TURN.begin();
  try {
    socket?.onData(chunk);
  } finally {
    TURN.end();
  }
}

/** What the network does has a code; what we did wrong has a name. */
function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** To the process's `uncaughtException` handlers, which log it. */
function report(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Listens for plaintext connections; `accept` sets the socket's `events` before it returns. */
export function listen(options: ListenOptions, accept: (accepted: Accepted) => void): Listener {
  const open = (hostname: string): TCPSocketListener<Slot> =>
    Bun.listen<Slot>({
      hostname,
      port: options.port,
      allowHalfOpen: true,
      ...(options.shared === true ? { reusePort: true } : {}),
      socket: {
        ...socketEvents,
        open(raw) {
          raw.data = { socket: undefined };
          // A client that reset its connection before we took it has no address any more.
          if (raw.remoteAddress === undefined) {
            raw.terminate();
            return;
          }
          const socket = new Socket(asRaw(raw), plainAddress(raw.remoteAddress));
          socket.pullable = true;
          raw.data.socket = socket;
          raw.setNoDelay(true);
          const { fd } = raw as unknown as DescribedSocket;
          accept({ socket, fd, localAddress: plainAddress(raw.localAddress), localPort: raw.localPort });
        },
      },
    });
  const listener = openAny(options.host, open);
  return { port: listener.port, stop: () => listener.stop(false) };
}

/** On a node without IPv6 every address is an IPv4 one. */
export function openAny<T>(host: string, open: (hostname: string) => T): T {
  if (host !== "::") return open(host);
  try {
    return open(host);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") throw error;
    return open("0.0.0.0");
  }
}

/** How a dial ended; exactly one of the two is called, once. */
export interface DialEvents {
  /** Set the socket's `events` before returning. */
  connected(socket: Socket): void;
  failed(error: DialError): void;
}

export interface DialError {
  /** `refused`, `unreachable`, `timeout`, `tls_chain`, `tls_identity`, … : the label of `weft_dial_failures_total`. */
  readonly reason: string;
  readonly message: string;
}

/** A dial under way; `cancel` closes it, and no event follows. */
export interface Dial {
  cancel(): void;
}

/** A way to open one connection after the other. */
export type Connect = (events: DialEvents) => Dial;

/** Opens a plaintext connection. */
export function dial(host: string, port: number, events: DialEvents): Dial {
  let settled = false;
  let open: BunSocket<Slot> | undefined;
  const fail = (error: Error) => {
    if (settled) return;
    settled = true;
    events.failed(dialError(error, host, port));
  };
  Bun.connect<Slot>({
    hostname: host,
    port,
    allowHalfOpen: true,
    data: { socket: undefined },
    socket: {
      ...socketEvents,
      open(raw) {
        open = raw;
        if (settled) return raw.terminate();
        settled = true;
        const socket = new Socket(asRaw(raw), host);
        socket.pullable = true;
        raw.data.socket = socket;
        raw.setNoDelay(true);
        events.connected(socket);
      },
      connectError: (_raw, error) => fail(error),
    },
  }).catch(fail);
  return {
    cancel() {
      if (settled) return;
      settled = true;
      open?.terminate();
    },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ETIMEDOUT: "timeout",
  EMFILE: "descriptors",
};

export function dialError(error: Error, host: string, port: number): DialError {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const reason = REASONS[code] ?? "other";
  return { reason, message: `connect to ${host}:${port}: ${code || error.message}` };
}

/** IPv4 as such, though a dual-stack listener reports it mapped into IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** A Bun socket is what we call raw, though its types do not tell of its descriptor. */
export function asRaw<T>(socket: BunSocket<T>): RawSocket {
  return socket as BunSocket<T> & DescribedSocket;
}
