/** A connection that speaks another protocol since a 101 or a CONNECT: its two ends are joined, and it drains like any other connection. */
import { type SpliceEnd, splice } from "../net/splice.ts";
import { type Context, TUNNEL_IDLE_MS } from "./context.ts";

/** `said` is what each end has said already; `over` is called when both are gone. */
export function tunnel(
  { connections, wheel }: Context,
  direction: "inbound" | "outbound",
  client: SpliceEnd,
  endpoint: SpliceEnd,
  said: { readonly fromClient: Buffer | undefined; readonly fromEndpoint: Buffer | undefined },
  over: () => void,
): void {
  const joined = { drain() {}, destroy: () => spliced.destroy() };
  connections.add(direction, joined);
  const spliced = splice(client, endpoint, said, { wheel, ms: TUNNEL_IDLE_MS }, () => {
    connections.delete(direction, joined);
    over();
  });
}
