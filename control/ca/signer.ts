import { Worker } from "node:worker_threads";
import type { Log } from "../../kube/log.ts";
import type { Authority } from "./authority.ts";
import { CaError } from "./errors.ts";
import type { AuthorityMessage, SignerReply, SignMessage } from "./signer.worker.ts";

export interface SignRequest {
  /** PKCS #10, PEM, as it came. */
  readonly csr: string;
  /** The one name of the certificate. */
  readonly uri: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Reads requests and signs them in worker threads: parsing strangers' ASN.1 never holds up the main thread. */
export interface Signer {
  /** PEM of the leaf. Rejects with CaError when the request is refused or too many are waiting. */
  sign(authority: Authority, request: SignRequest): Promise<string>;
  /** Ends the workers; what is still waiting is refused. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (certificate: string) => void;
  readonly reject: (error: Error) => void;
}
interface Seat {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  /** Fingerprint of the authority that the worker has. */
  authority: string;
}

/** Starts `workers` threads at once, so that the first request waits for no import. */
export function createSigner(options: { workers?: number; maxWaiting?: number; log: Log }): Signer {
  const { workers = 2, maxWaiting = 512, log } = options;
  const seats: Seat[] = [];
  let nextId = 0;
  let closed = false;

  const open = (): Seat => {
    const worker = new Worker(new URL("./signer.worker.ts", import.meta.url));
    const seat: Seat = { worker, waiting: new Map(), authority: "" };
    worker.on("message", (reply: SignerReply) => {
      const waiting = seat.waiting.get(reply.id);
      seat.waiting.delete(reply.id);
      if (waiting === undefined) return;
      if ("certificate" in reply) waiting.resolve(reply.certificate);
      else if ("code" in reply) waiting.reject(new CaError(reply.code, reply.detail || undefined));
      else waiting.reject(new Error(`signing failed: ${reply.failure}`));
    });
    worker.on("error", (error) => log.error("a signing worker failed; another takes its place", { error }));
    worker.on("exit", () => {
      const index = seats.indexOf(seat);
      if (index >= 0 && !closed) seats[index] = open();
      for (const { reject } of seat.waiting.values()) reject(overloaded("the worker ended"));
      seat.waiting.clear();
    });
    return seat;
  };
  for (let count = 0; count < workers; count++) seats.push(open());

  return {
    sign(authority, request) {
      const seat = seats.reduce((best, other) => (other.waiting.size < best.waiting.size ? other : best));
      if (closed || seat.waiting.size * workers >= maxWaiting) {
        return Promise.reject(overloaded(`${maxWaiting} are waiting`));
      }
      if (seat.authority !== authority.fingerprint) {
        seat.authority = authority.fingerprint;
        seat.worker.postMessage({ kind: "authority", pair: authority.pair } satisfies AuthorityMessage);
      }
      const id = nextId++;
      seat.worker.postMessage({ kind: "sign", id, ...request } satisfies SignMessage);
      return new Promise((resolve, reject) => seat.waiting.set(id, { resolve, reject }));
    },
    async close() {
      closed = true;
      await Promise.all(seats.map((seat) => seat.worker.terminate()));
    },
  };
}

const overloaded = (detail: string) => new CaError("WEFT_CA_OVERLOADED", detail, { retryAfterSeconds: 1 });
