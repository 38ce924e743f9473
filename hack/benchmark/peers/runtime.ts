/** What Weft's runtime costs by itself: its sockets, and a function that passes on what they read. No proxy, but the floor of one. */
import { join } from "node:path";
import { bunPath } from "../../../test/support/bun.ts";
import type { Peer } from "../shape.ts";

export const runtime: Peer = {
  name: "runtime",
  compilesAtRunTime: true,
  commands({ layout, protocol, endpoints }, { front, backendPort }) {
    if (layout !== "hop" || protocol !== "http1" || endpoints > 1) return undefined;
    const relay = join(import.meta.dirname, "../relay.ts");
    const argv = [bunPath(), relay, front.host, String(front.port), String(backendPort)];
    return [{ argv, listens: front }];
  },
};
