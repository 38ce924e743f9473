import type { Peer } from "../shape.ts";
import { envoy } from "./envoy.ts";
import { haproxy } from "./haproxy.ts";
import { nghttpx } from "./nghttpx.ts";
import { nginx } from "./nginx.ts";
import { weft } from "./weft.ts";

/** In the order in which they take turns. */
export const peers: readonly Peer[] = [weft, nginx, haproxy, nghttpx, envoy];
