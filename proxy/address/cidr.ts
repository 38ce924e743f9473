/** IP addresses and CIDR blocks as bytes. An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address. */

/** 4 or 16 bytes; undefined for what is no address. Zones (`%eth0`) are refused: no policy can mean one. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text);
  if (
    bytes !== undefined &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff &&
    bytes.subarray(0, 10).every((b) => b === 0)
  ) {
    return bytes.slice(12);
  }
  return bytes;
}

/** Whether an address is in a block. */
export type Block = (address: Uint8Array) => boolean;

/** Compiles `10.0.0.0/8`, `fd00::/8` or a single address; undefined for what is neither. */
export function parseBlock(text: string): Block | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const network = parseIp(address);
  if (network === undefined || rest.length > 0) return undefined;
  let bits = network.length * 8;
  if (length !== undefined) {
    if (!/^\d{1,3}$/.test(length)) return undefined;
    // A mapped block's length counts the 96 bits of the prefix.
    const given = Number(length) - (network.length === 4 && address.includes(":") ? 96 : 0);
    if (given < 0 || given > bits) return undefined;
    bits = given;
  }
  const whole = bits >> 3;
  const mask = (0xff00 >> (bits & 7)) & 0xff;
  return (candidate) => {
    if (candidate.length !== network.length) return false;
    for (let i = 0; i < whole; i++) if (candidate[i] !== network[i]) return false;
    return mask === 0 || (((candidate[whole] ?? 0) ^ (network[whole] ?? 0)) & mask) === 0;
  };
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    // No leading zeros: some parsers read them as octal.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = [groups(halves[0] ?? ""), groups(halves[1] ?? "")];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...new Array<number>(Math.max(missing, 0)).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Colon-separated groups of 16 bits; the last may be an IPv4 address. */
function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const values: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes(".")) {
      const v4 = parseIpv4(part);
      if (v4 === undefined) return undefined;
      values.push(((v4[0] ?? 0) << 8) | (v4[1] ?? 0), ((v4[2] ?? 0) << 8) | (v4[3] ?? 0));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      values.push(Number.parseInt(part, 16));
    }
  }
  return values;
}
