/** The sizes of a socket's kernel buffers, by `setsockopt`. */
import { dlopen } from "bun:ffi";
import { BLOCK_BYTES } from "./blocks.ts";
import type { KernelBuffers } from "./pressure.ts";

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Where `struct tcp_info` has the round trip time, in µs. */
const RTT_AT = 68;
/** Within a millisecond a window of 64 KiB brings 64 MB a second at least. */
const DISTANT_US = 1_000;
const MSG_DONTWAIT = 0x40;
/** Linux 5.14; whether each size was set by us (1: send, 2: receive) or is the kernel's to tune. */
const SO_BUF_LOCK = 72;

export function createKernelBuffers(): KernelBuffers {
  const libc = dlopen("libc.so.6", {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  } as const);
  const scratch = Buffer.alloc(BLOCK_BYTES);
  const value = new Int32Array(new ArrayBuffer(4));
  const info = new Uint32Array(new ArrayBuffer(RTT_AT + 4));
  const length = new Int32Array(new ArrayBuffer(4));
  const set = (fd: number, option: number, to: number) => {
    value[0] = to;
    libc.symbols.setsockopt(fd, SOL_SOCKET, option, value, 4);
  };
  return {
    set(fd, { receive, send }) {
      set(fd, SO_RCVBUF, receive);
      set(fd, SO_SNDBUF, send);
    },
    setSend: (fd, bytes) => set(fd, SO_SNDBUF, bytes),
    setReceive: (fd, bytes) => set(fd, SO_RCVBUF, bytes),
    free: (fd) => set(fd, SO_BUF_LOCK, 0),
    isDistant(fd) {
      length[0] = info.byteLength;
      const failed = libc.symbols.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length) < 0;
      return !failed && (info[RTT_AT / 4] ?? 0) > DISTANT_US;
    },
    read(fd, bytes) {
      const taken = Number(libc.symbols.recv(fd, scratch, bytes, MSG_DONTWAIT));
      return taken > 0 ? Buffer.from(scratch.subarray(0, taken)) : undefined;
    },
  };
}
