/** TCP keep-alive by `setsockopt`: probes on a silent connection, so that a peer that vanished is found out (RFC 9293 3.8.4). */
import { dlopen } from "bun:ffi";

/** What is left out is the system's. */
export interface KeepAlive {
  /** Unanswered probes before the connection counts as dead. */
  readonly probes?: number | undefined;
  /** Silence before the first, in ms; the kernel counts whole seconds. */
  readonly timeMs?: number | undefined;
  /** Between two, in ms. */
  readonly intervalMs?: number | undefined;
}

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

/** Opens the C library once; the result turns keep-alive on for a connected socket. */
export function createKeepAlive(): (fd: number, settings: KeepAlive) => void {
  const libc = dlopen("libc.so.6", {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  } as const);
  const value = new Int32Array(new ArrayBuffer(4));
  const set = (fd: number, level: number, option: number, to: number | undefined) => {
    if (to === undefined) return;
    value[0] = to;
    libc.symbols.setsockopt(fd, level, option, value, 4);
  };
  const seconds = (ms: number | undefined) =>
    ms === undefined ? undefined : Math.max(1, Math.round(ms / 1_000));
  return (fd, { probes, timeMs, intervalMs }) => {
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(timeMs));
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(intervalMs));
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
  };
}
