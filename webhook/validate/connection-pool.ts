import { type Field, maxInt32, maxUint32 } from "./field.ts";
import { checkDuration } from "./values.ts";

const tcpMembers = [
  "maxConnections",
  "connectTimeout",
  "tcpKeepalive",
  "maxConnectionDuration",
  "idleTimeout",
];

const httpCounts = [
  "http1MaxPendingRequests",
  "http2MaxRequests",
  "maxRequestsPerConnection",
  "maxRetries",
  "maxConcurrentStreams",
];

const httpMembers = [...httpCounts, "idleTimeout", "h2UpgradePolicy", "useClientProtocol", "http2KeepAlive"];

/** `connectionPool`. */
export function checkConnectionPool(field: Field): void {
  if (!field.present || !field.object(["tcp", "http"])) return;
  const [tcp, http] = [field.at("tcp"), field.at("http")];
  if (!tcp.present && !http.present) field.required("tcp, http or both");
  if (tcp.present && tcp.object(tcpMembers)) checkTcp(tcp);
  if (http.present && http.object(httpMembers)) checkHttp(http);
}

function checkTcp(tcp: Field): void {
  tcp.at("maxConnections").integer(0, maxInt32);
  checkDuration(tcp.at("connectTimeout"));
  checkDuration(tcp.at("maxConnectionDuration"));
  checkDuration(tcp.at("idleTimeout"), { zero: true });
  const keepalive = tcp.at("tcpKeepalive");
  if (!keepalive.present || !keepalive.object(["probes", "time", "interval"])) return;
  keepalive.at("probes").integer(0, maxUint32);
  checkDuration(keepalive.at("time"));
  checkDuration(keepalive.at("interval"));
}

function checkHttp(http: Field): void {
  for (const name of httpCounts) http.at(name).integer(0, maxInt32);
  checkDuration(http.at("idleTimeout"));
  const policy = http.at("h2UpgradePolicy").choice(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]);
  if (http.at("useClientProtocol").boolean() === true && policy === "UPGRADE") {
    http.at("useClientProtocol").forbidden("may not be used together with h2UpgradePolicy UPGRADE");
  }
  const keepalive = http.at("http2KeepAlive");
  if (!keepalive.present || !keepalive.object(["interval", "timeout"])) return;
  for (const name of ["interval", "timeout"]) {
    if (keepalive.at(name).present) checkDuration(keepalive.at(name));
    else keepalive.at(name).required("interval and timeout go together");
  }
}
