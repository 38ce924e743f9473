/** How a cluster reaches an endpoint: plaintext, mutual TLS to its proxy, or TLS as its DestinationRule says. */
import type { Cluster, EndpointHandle } from "../config/view.ts";
import type { Identity } from "../identity/source.ts";
import type { Connect, Dial, DialError, DialEvents } from "../net/listen.ts";
import type { Socket } from "../net/socket.ts";
import { CredentialError } from "../origination/credential.ts";
import type { TlsMaterial } from "../origination/material.ts";
import { ALPN_HTTP1, ALPN_TCP, type Context, MUTUAL_PORT, outboundSni, withKeepAlive } from "./context.ts";
import { asksByRequest, type OpenedFor, originates } from "./opened-for.ts";
import { throughProxy } from "./tunnel-through.ts";

/** Opens connections that speak `alpn`, and probes them when they are silent where the policy asks for it. */
export function connectorOf(
  context: Context,
  cluster: Cluster,
  endpoint: EndpointHandle,
  alpn: string,
  opened?: OpenedFor,
): Connect {
  const { tunnel } = cluster.policy;
  const connect =
    tunnel !== undefined && alpn === ALPN_TCP
      ? throughProxy(reach(context, cluster, endpoint, ALPN_HTTP1), tunnel)
      : reach(context, cluster, endpoint, alpn, opened);
  return (events) => connect(withKeepAlive(context, cluster.policy.connectionPool, events));
}

/** By mutual TLS to its proxy, or by TLS as its DestinationRule says. */
export function encrypts({ policy }: Cluster, { mtls }: EndpointHandle): boolean {
  return mtls || originates(policy);
}

function reach(
  context: Context,
  cluster: Cluster,
  endpoint: EndpointHandle,
  alpn: string,
  opened?: OpenedFor,
): Connect {
  const { address, target } = endpoint;
  const { proxyProtocol } = cluster.policy;
  if (proxyProtocol !== undefined && endpoint.mtls && !originates(cluster.policy)) {
    const message = `${cluster.name} asks for the PROXY protocol, which no peer's proxy takes`;
    return (events) => failLater(events, { reason: "proxy_protocol", message });
  }
  if (originates(cluster.policy)) return originate(context, cluster, endpoint, alpn, opened);
  if (endpoint.mtls) return reachPeer(context, cluster, endpoint, alpn);
  const header = opened?.header;
  if (header === undefined) return (events) => context.dialler.plain(address, target, events);
  return (events) => {
    const connected = (socket: Socket) => {
      socket.write(header, 0, header.length);
      events.connected(socket);
    };
    return context.dialler.plain(address, target, { connected, failed: (error) => events.failed(error) });
  };
}

/** To the endpoint's proxy, whose identity is known. */
function reachPeer(context: Context, cluster: Cluster, endpoint: EndpointHandle, alpn: string): Connect {
  const { dialler } = context;
  const { address, target, identity: peer } = endpoint;
  const { subjectAltNames } = cluster.policy.tls;
  const sni = outboundSni(target, cluster.subset, cluster.host);
  let session: Buffer | undefined;
  let sessionOf: Identity | undefined;
  return (events) => {
    const identity = context.identity.current();
    if (identity === undefined || peer === undefined) {
      const missing =
        identity === undefined ? "no certificate of our own yet" : "the endpoint has no identity";
      return failLater(events, {
        reason: "tls_no_identity",
        message: `mutual TLS to ${address}: ${missing}`,
      });
    }
    if (subjectAltNames.length > 0 && !subjectAltNames.includes(peer)) {
      const message = `mutual TLS to ${address}: expected ${subjectAltNames.join(" or ")}, the endpoint is ${peer}`;
      return failLater(events, { reason: "tls_identity", message });
    }
    // A session speaks for the certificate that it was made with.
    if (sessionOf !== identity) session = undefined;
    const resumable = (next: Buffer) => {
      session = next;
      sessionOf = identity;
    };
    const failed = (error: DialError) => {
      session = undefined;
      events.failed(error);
    };
    const options = { identity, sni, alpn, peer, session, resumable };
    return dialler.mutual(address, MUTUAL_PORT, options, { connected: events.connected, failed });
  };
}

/** To a server of its own, by `SIMPLE` or `MUTUAL`. Without names to expect, it must have the one that it is asked for by. */
function originate(
  context: Context,
  cluster: Cluster,
  endpoint: EndpointHandle,
  alpn: string,
  opened: OpenedFor | undefined,
): Connect {
  const { dialler } = context;
  const { address, target } = endpoint;
  const { tls } = cluster.policy;
  const serverName = asksByRequest(cluster) ? opened?.serverName : (tls.sni ?? cluster.host);
  if (serverName === undefined) {
    const message = `${cluster.name}: nothing says which name of ${cluster.host} to ask for: expected a name in Host, or sni in its DestinationRule's tls`;
    return (events) => failLater(events, { reason: "tls_no_name", message });
  }
  const names = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : [serverName];
  let session: Buffer | undefined;
  let sessionOf = "";
  return (events) => {
    const dial = ({ anchors, certificate, key, revocation }: TlsMaterial) => {
      // A session speaks for what it was made with.
      const made = `${anchors}${certificate}`;
      if (sessionOf !== made) session = undefined;
      const options = {
        serverName,
        alpn: alpn === ALPN_TCP ? [] : [alpn],
        anchors,
        certificate,
        key,
        names,
        unverified: tls.insecureSkipVerify === true,
        revocation,
        session,
        preface: opened?.header,
        resumable(next: Buffer) {
          session = next;
          sessionOf = made;
        },
      };
      return dialler.origin(address, target, options, { connected: events.connected, failed });
    };
    const failed = (error: DialError) => {
      session = undefined;
      events.failed(error);
    };
    let material: TlsMaterial | Promise<TlsMaterial>;
    try {
      material = context.tls.of(tls, context.now());
    } catch (error) {
      return failLater(events, unreadable(cluster, error));
    }
    return material instanceof Promise
      ? dialAfter(material, dial, (error) => failed(unreadable(cluster, error)))
      : dial(material);
  };
}

function unreadable({ name }: Cluster, error: unknown): DialError {
  if (error instanceof CredentialError)
    return { reason: "tls_credential", message: `${name}: ${error.message}` };
  const message = `${name}: a file of its TLS settings cannot be read: ${String(error)}`;
  return { reason: "tls_files", message };
}

/** Dials once something is there, or says that it will never be. */
function dialAfter<T>(
  arriving: Promise<T>,
  dial: (value: T) => Dial,
  failed: (error: unknown) => void,
): Dial {
  let cancelled = false;
  let dialled: Dial | undefined;
  arriving.then(
    (value) => {
      if (!cancelled) dialled = dial(value);
    },
    (error: unknown) => {
      if (!cancelled) failed(error);
    },
  );
  return {
    cancel() {
      cancelled = true;
      dialled?.cancel();
    },
  };
}

function failLater(events: DialEvents, error: DialError): Dial {
  let cancelled = false;
  queueMicrotask(() => {
    if (!cancelled) events.failed(error);
  });
  return {
    cancel() {
      cancelled = true;
    },
  };
}
