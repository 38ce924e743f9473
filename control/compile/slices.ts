/**
 * How a service's endpoints are spread over parts of at most 100: by a hash of the address, over a power of two of
 * parts. So an endpoint that comes or goes rewrites its own part and no other, whatever the order of the rest; only
 * when a part would overflow do the parts double, which a growing service meets as often as a hash table does.
 */

export const maximumEndpointsPerPart = 100;

/** Emptier than this on average, the hash has failed: by chance it cannot happen, addresses made to collide can. */
const leastMeanPerPart = 8;

/** The parts, each in the order of `items`; [] for no items. */
export function spread<T>(items: readonly T[], addressOf: (item: T) => string): T[][] {
  if (items.length === 0) return [];
  const hashed = items.map((item) => ({ item, hash: fnv1a(addressOf(item)) }));
  for (let count = 1; count === 1 || items.length / count >= leastMeanPerPart; count *= 2) {
    if (count * maximumEndpointsPerPart < items.length) continue;
    const parts: T[][] = Array.from({ length: count }, () => []);
    for (const { item, hash } of hashed) parts[hash & (count - 1)]?.push(item);
    if (parts.every((part) => part.length <= maximumEndpointsPerPart)) return parts;
  }
  return inOrder(items);
}

function inOrder<T>(items: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let start = 0; start < items.length; start += maximumEndpointsPerPart)
    parts.push(items.slice(start, start + maximumEndpointsPerPart));
  return parts;
}

/** FNV-1a of 32 bits, its high half folded into the low one, which alone picks the part. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
