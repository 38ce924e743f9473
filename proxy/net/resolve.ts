/** Names to addresses, by the runtime's resolver: `/etc/hosts`, then the servers and search domains of `/etc/resolv.conf`. */

/** One address of a name. `ttlMs` is 0 where the resolver does not know. */
export interface Answer {
  readonly address: string;
  readonly ttlMs: number;
}

/** What says that there is no such name, or no address to it; anything else says nothing about the name. */
const ABSENT: ReadonlySet<unknown> = new Set(["DNS_ENOTFOUND", "DNS_ENODATA", "ENOTFOUND", "ENODATA"]);

/**
 * The addresses of a name, in the order of the answer; [] when it has none. Rejects when nobody could say. IPv6 only where
 * there is no IPv4: a pod may resolve the one and not reach it.
 */
export async function resolveName(name: string): Promise<readonly Answer[]> {
  try {
    // c-ares tells a name that is not there from a server that is not: the system's resolver knows one error for both.
    const answers = await Bun.dns.lookup(name, { backend: "c-ares" });
    const ipv4 = answers.filter(({ family }) => family === 4);
    return (ipv4.length > 0 ? ipv4 : answers).map(({ address, ttl }) => ({ address, ttlMs: ttl * 1000 }));
  } catch (error) {
    if (ABSENT.has((error as { code?: unknown }).code)) return [];
    throw error;
  }
}
