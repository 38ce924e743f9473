/** `struct sockaddr_in` and `sockaddr_in6`, read. Pure. */

/** The larger of the two. */
export const SOCKADDR_BYTES = 28;
/** Of Linux: the family is in the machine's byte order, everything after in the network's. */
const AF_INET = 2;
const AF_INET6 = 10;

/** Address and port of a socket address; undefined for other families. IPv6 in the form of RFC 5952. */
export function endpointOf(bytes: Uint8Array): { address: string; port: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return { address: bytes.subarray(4, 8).join("."), port };
  if (family !== AF_INET6) return undefined;
  const groups: number[] = [];
  for (let at = 8; at < 24; at += 2) groups.push(view.getUint16(at));
  return { address: formatIpv6(groups), port };
}

function formatIpv6(groups: readonly number[]): string {
  // The longest run of zeros, the first of equals, of at least two groups, becomes "::".
  let runAt = -1;
  let runLength = 1;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > runLength) {
      runAt = at;
      runLength = end - at;
    }
    if (end > at) at = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (runAt < 0) return hex.join(":");
  return `${hex.slice(0, runAt).join(":")}::${hex.slice(runAt + runLength).join(":")}`;
}
