import type { Peer } from "../shape.ts";
import { envoy } from "./envoy.ts";
import { haproxy } from "./haproxy.ts";
import { nghttpx } from "./nghttpx.ts";
import { nginx } from "./nginx.ts";
import { runtime } from "./runtime.ts";
import { weft } from "./weft.ts";

/** In the order in which they take turns. */
export const peers: readonly Peer[] = [weft, nginx, haproxy, nghttpx, envoy];

/** Those that take part when they are asked for by name, too. */
export const named: readonly Peer[] = [...peers, runtime];
