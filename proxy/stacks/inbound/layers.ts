/** The layers that an inbound request passes, in the order of inbound.ts. */
import { FORWARDED_PROTO } from "../../http/field-kinds.ts";
import type { Authenticated, JwtRefusal } from "../../jwt/authenticate.ts";
import type { InboundLayer, InboundRequest, InboundVerdict } from "./http.ts";

/** The port takes this connection, and the path has a normal form. */
export const admit: InboundLayer = (request) => {
  const { policy } = request;
  if (policy === undefined) return request.fail(503, "NC", "this proxy has no configuration yet\n");
  // The port may have become STRICT since the connection was accepted.
  if (policy.mtls === "STRICT" && request.connection.principal === "") {
    request.context.telemetry.plaintextRefused.of().value++;
    request.exchange.breakOff();
    return "done";
  }
  return request.normalize() ? "next" : request.fail(400, "-", "the path has no normal form\n");
};

/** Every token that the request carries is good. A token that is seen for the first time makes it wait. */
export const authenticate: InboundLayer = (request) => {
  const authenticator = request.policy?.authenticator;
  if (authenticator === undefined) return "next";
  const outcome = authenticator.authenticate(request, request.context.unixNow());
  if (!(outcome instanceof Promise)) return accept(request, outcome);
  const { turn } = request;
  outcome.then((verified) => {
    // Its client may have left meanwhile, and be replaced by another request.
    if (request.turn !== turn || !request.exchange.active) return;
    if (accept(request, verified) === "next") request.proceed();
  });
  return "wait";
};

function accept(request: InboundRequest, outcome: Authenticated | JwtRefusal): InboundVerdict {
  if (!outcome.refused) {
    const { remove, add, target } = outcome;
    request.authenticated = outcome;
    if (remove !== undefined || add !== "" || target !== undefined) {
      request.edits = { path: target ?? request.edits?.path, remove, add };
    }
    return "next";
  }
  request.context.telemetry.tokensRefused.of().value++;
  request.details = outcome.details;
  const challenge = `www-authenticate: Bearer realm="${realm(request)}", error="invalid_token"\r\n`;
  return request.fail(outcome.status, "-", outcome.message, challenge);
}

const MAX_REALM = 256;

/** The resource that was asked for, without its query, which may hold a token; what would end the quotes is left out. */
function realm({ exchange, host, path }: InboundRequest): string {
  const scheme = exchange.head.known(FORWARDED_PROTO) === "https" ? "https" : "http";
  return `${scheme}://${host}${path}`.replace(/["\\]/g, "").slice(0, MAX_REALM);
}

/** AuthorizationPolicies allow it. */
export const authorize: InboundLayer = (request) => {
  const { policy } = request;
  if (policy === undefined) return "next";
  if (policy.dryRun !== undefined) {
    const { allowed, detail } = policy.dryRun(request);
    request.context.telemetry.dryRuns.of("http", allowed ? "allowed" : "denied").value++;
    if (!allowed) request.details = `dry_run_${detail}`;
  }
  if (!policy.authorizes) return "next";
  const decision = policy.authorize(request);
  if (decision.allowed) return "next";
  request.details = decision.detail;
  request.context.telemetry.denied.of("http").value++;
  return request.fail(403, "-", "RBAC: access denied");
};

const LIMITED = "local_rate_limited";
const RESOURCE_EXHAUSTED = 8;

/** No more come than the application is to take. */
export const limitRate: InboundLayer = (request) => {
  const limits = request.policy?.limits;
  if (limits === undefined) return "next";
  const verdict = limits.check(request, request.context.now());
  if (verdict === undefined) return "next";
  const { exceeded, headers } = verdict;
  if (exceeded !== undefined) {
    request.context.telemetry.rateLimited.of(exceeded.name, String(exceeded.enforced)).value++;
    if (exceeded.enforced) {
      request.details = LIMITED;
      if (!exceeded.grpcResourceExhausted || !request.exchange.grpc)
        return request.fail(exceeded.status, "RL", LIMITED, headers);
      request.exchange.flags = "RL";
      request.exchange.replyGrpc(RESOURCE_EXHAUSTED, LIMITED, headers);
      return "done";
    }
  }
  if (headers !== "") request.exchange.responseEdits = { add: headers };
  return "next";
};

/** No body is larger than the application is to take: by what it says of itself, or by what has come of it. */
export const limitBody: InboundLayer = (request) => {
  const { exchange, policy } = request;
  if (policy === undefined || policy.maxBodyBytes === Number.POSITIVE_INFINITY) return "next";
  if (exchange.head.contentLength > policy.maxBodyBytes) return request.oversized();
  exchange.maxBodyBytes = policy.maxBodyBytes;
  return "next";
};

/** What the port takes at a time: more is refused at once. */
export const limitLoad: InboundLayer = (request) => (request.enter() ? "next" : request.overflow("requests"));

/** On a connection to the application. */
export const sendToApplication: InboundLayer = (request) => request.send();
