/** What is known of a request and its response, for logs, metrics, and what is learned of the endpoint. */
import { TimerEntry } from "../net/timer-wheel.ts";
import { httpStatusOf } from "./grpc.ts";

/** Of one request after another, on an object that has a time limit besides. */
export abstract class Account extends TimerEntry {
  /** 0 until there is one. */
  status = 0;
  /** Envoy's response flag, "-" for none. */
  flags = "-";
  /** Monotonic ms. */
  startedAt = 0;
  /** Monotonic ms of the response's head; 0 before. */
  answeredAt = 0;
  responseBytes = 0;
  /** The request is gRPC's: so are the answers that the proxy gives itself. */
  grpc = false;
  /** What the endpoint said in headers or trailers; "" where it said nothing. */
  grpcStatus = "";
  /** The endpoint began a response and did not finish it. */
  protected broken = false;
  /** The response is the proxy's own. */
  protected own = false;

  protected open(now: number, grpc: boolean): void {
    this.status = 0;
    this.flags = "-";
    this.startedAt = now;
    this.answeredAt = 0;
    this.responseBytes = 0;
    this.grpc = grpc;
    this.grpcStatus = "";
    this.broken = false;
    this.own = false;
  }

  /**
   * What the response says of the endpoint, as a status of HTTP; 0 before there is one and for one that the endpoint broke off,
   * whatever it began with; -1 for one of the proxy's own, which says nothing.
   */
  get outcome(): number {
    if (this.broken) return 0;
    if (this.own) return -1;
    return this.grpc && this.grpcStatus !== "" && this.status === 200
      ? httpStatusOf(this.grpcStatus)
      : this.status;
  }
}
