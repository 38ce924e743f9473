/**
 * Where a redirected connection wanted to go: the kernel keeps it beside the connection it rewrote (conntrack) and
 * `getsockopt` gives it back.
 */
import { dlopen } from "bun:ffi";
import { endpointOf, SOCKADDR_BYTES } from "./sockaddr.ts";

export interface Destination {
  readonly address: string;
  readonly port: number;
}

export type OriginalDestination = (fd: number) => Destination | undefined;

const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const SOL_IPV6 = 41;
const IP6T_SO_ORIGINAL_DST = 80;

/** Opens the C library once; the result answers undefined for a connection that nothing redirected. */
export function createOriginalDestination(): OriginalDestination {
  const libc = dlopen("libc.so.6", {
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  });
  // Over buffers of their own, and handed over anew each time: a small array's storage moves when its buffer is asked for.
  const address = new Uint8Array(new ArrayBuffer(SOCKADDR_BYTES));
  const length = new Uint32Array(new ArrayBuffer(4));
  const ask = (fd: number, level: number, option: number): boolean => {
    length[0] = SOCKADDR_BYTES;
    return libc.symbols.getsockopt(fd, level, option, address, length) === 0;
  };
  // IPv4 first: a dual-stack listener sees IPv4 connections as mapped, and the IPv6 option knows nothing of them.
  return (fd) =>
    ask(fd, SOL_IP, SO_ORIGINAL_DST) || ask(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST)
      ? endpointOf(address)
      : undefined;
}
