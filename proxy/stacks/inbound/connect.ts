/** Which CONNECT is carried; those that are become tunnels when their server answers 2xx. */
import { CONNECT } from "../../http/request-head.ts";
import type { InboundLayer } from "./http.ts";

/**
 * Nobody judges what goes through a tunnel: a port whose requests are judged or counted one by one has none. In front of a
 * server that takes CONNECT for any other method it would be a way past every policy.
 */
export const admitInboundConnect: InboundLayer = (request) => {
  if (request.method !== CONNECT) return "next";
  const { policy } = request;
  const judged =
    policy?.authorizes === true || policy?.authenticator !== undefined || policy?.limits !== undefined;
  if (!judged) return "next";
  request.details = "connect_past_policies";
  return request.fail(
    403,
    "-",
    "CONNECT is not carried to a port that policies or rate limits hold for: they could not see into the tunnel; " +
      "declare the port as tcp, where policies judge the connection\n",
  );
};
