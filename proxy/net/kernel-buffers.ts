/** The sizes of a socket's kernel buffers, by `setsockopt`. */
import { dlopen } from "bun:ffi";
import { BLOCK_BYTES } from "./blocks.ts";
import type { KernelBuffers } from "./pressure.ts";

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;
/** Linux 5.14; whether each size was set by us (1: send, 2: receive) or is the kernel's to tune. */
const SO_BUF_LOCK = 72;

export function createKernelBuffers(): KernelBuffers {
  const libc = dlopen("libc.so.6", {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  } as const);
  const scratch = Buffer.alloc(BLOCK_BYTES);
  const value = new Int32Array(new ArrayBuffer(4));
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
    free: (fd) => set(fd, SO_BUF_LOCK, 0),
    read(fd, bytes) {
      const length = Number(libc.symbols.recv(fd, scratch, bytes, MSG_DONTWAIT));
      return length > 0 ? Buffer.from(scratch.subarray(0, length)) : undefined;
    },
  };
}
