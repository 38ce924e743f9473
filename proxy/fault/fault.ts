/**
 * Failures made on purpose (VirtualService `fault`), as Envoy's fault filter draws them: delay and abort are independent
 * draws, the delay first, and a delayed request may still be aborted. Decided anew for each request; pure.
 */
import type { Fault } from "../../crds/service-config.ts";
import { grpcCode } from "./grpc-status.ts";

/** A fault as compiled: what cannot happen is undefined, and a route without any has no `Faults` at all. */
export interface Faults {
  readonly delay: Delay | undefined;
  readonly abort: Abort | undefined;
}

interface Delay {
  readonly ms: number;
  /** Of requests, in [0, 1]. */
  readonly share: number;
}

export interface Abort {
  readonly status: number;
  /** Of an abort that names one: said to gRPC clients as trailers alone. */
  readonly grpcStatus: number | undefined;
  readonly share: number;
}

/** In [0, 1). */
export type Random = () => number;

/** Compiles a route's fault; undefined when no request can meet one. */
export function compileFault(fault: Fault | undefined): Faults | undefined {
  const delay = fault?.delay;
  const abort = fault?.abort;
  const delays = delay !== undefined && delay.percent > 0 && delay.fixedMs > 0;
  // An HTTP status that is set beside a gRPC one counts, as in Envoy.
  const grpcStatus = abort?.httpStatus === undefined ? grpcCode(abort?.grpcStatus) : undefined;
  const aborts =
    abort !== undefined && abort.percent > 0 && (abort.httpStatus !== undefined || grpcStatus !== undefined);
  if (!delays && !aborts) return undefined;
  return Object.freeze({
    delay: delays ? { ms: delay.fixedMs, share: delay.percent / 100 } : undefined,
    abort: aborts ? { status: abort.httpStatus ?? 200, grpcStatus, share: abort.percent / 100 } : undefined,
  });
}

/** How long this request waits, in ms; 0 for most. */
export function drawDelay({ delay }: Faults, random: Random): number {
  return delay !== undefined && random() < delay.share ? delay.ms : 0;
}

/** What this request is answered with instead of being sent on; undefined for most. */
export function drawAbort({ abort }: Faults, random: Random): Abort | undefined {
  return abort !== undefined && random() < abort.share ? abort : undefined;
}
