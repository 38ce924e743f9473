/** What is known of one accepted inbound connection. */
import type { Socket } from "../../net/socket.ts";
import { type Caller, createCaller } from "./report.ts";

export interface InboundConnection {
  readonly socket: Socket;
  /** The pod's address that the client dialled: where the application is. */
  readonly address: string;
  /** The container port. */
  readonly port: number;
  /** The peer's identity without `spiffe://`; "" for plaintext. */
  readonly principal: string;
  readonly sni: string | undefined;
  readonly caller: Caller;
  /** The header line that tells the application who calls; "" for plaintext. */
  readonly clientCert: string;
}

export function plaintextConnection(socket: Socket, address: string, port: number): InboundConnection {
  return {
    socket,
    address,
    port,
    principal: "",
    sni: undefined,
    caller: createCaller(undefined),
    clientCert: "",
  };
}

export interface ProvenPeer {
  readonly socket: Socket;
  readonly localAddress: string;
  readonly id: string;
  readonly certificateHash: string;
  readonly sni: string;
}

/** `own` is this workload's identity, for the `By` element. */
export function mutualConnection(peer: ProvenPeer, port: number, own: string | undefined): InboundConnection {
  const by = own === undefined ? "" : `By=${own};`;
  return {
    socket: peer.socket,
    address: peer.localAddress,
    port,
    principal: peer.id.slice("spiffe://".length),
    sni: peer.sni,
    caller: createCaller(peer.id),
    clientCert: `x-forwarded-client-cert: ${by}Hash=${peer.certificateHash};Subject="";URI=${peer.id}\r\n`,
  };
}
