/** The authority of a copy, by which its receiver can tell it from a request: `-shadow` behind the host, before the port. */
export function shadowAuthority(authority: string): string {
  const port = /:\d*$/.exec(authority);
  // An IPv6 address keeps its brackets, and its last colon is no port's.
  if (port === null || authority.endsWith("]")) return `${authority}-shadow`;
  return `${authority.slice(0, port.index)}-shadow${port[0]}`;
}
