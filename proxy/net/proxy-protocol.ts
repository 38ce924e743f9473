/**
 * The header of the PROXY protocol (HAProxy's `proxy-protocol.txt`, sections 2.1 and 2.2), which tells a server whose connection
 * it really is. Pure.
 */
import { parseIp } from "../address/cidr.ts";

export type ProxyProtocol = "V1" | "V2";

export interface Hop {
  readonly address: string;
  readonly port: number;
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const PROXY = 0x21;
const LOCAL = 0x20;
const TCP4 = 0x11;
const TCP6 = 0x21;

/** The bytes to send first. What cannot be told (two families, an unknown address) is said to be unknown, as the protocol has it. */
export function proxyHeader(version: ProxyProtocol, source: Hop, destination: Hop): Uint8Array {
  const from = parseIp(source.address);
  const to = parseIp(destination.address);
  const known = from !== undefined && to !== undefined && from.length === to.length;
  if (version === "V1") {
    if (!known) return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
    const family = from.length === 4 ? "TCP4" : "TCP6";
    const text = `PROXY ${family} ${print(from)} ${print(to)} ${source.port} ${destination.port}\r\n`;
    return Buffer.from(text, "latin1");
  }
  if (!known) return new Uint8Array([...SIGNATURE, LOCAL, 0, 0, 0]);
  const length = from.length * 2 + 4;
  const ports = [source.port >> 8, source.port & 0xff, destination.port >> 8, destination.port & 0xff];
  const family = from.length === 4 ? TCP4 : TCP6;
  return new Uint8Array([...SIGNATURE, PROXY, family, 0, length, ...from, ...to, ...ports]);
}

/** Groups without "::": any reader takes them. */
function print(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const view = new DataView(address.buffer, address.byteOffset, 16);
  return Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2).toString(16)).join(":");
}
