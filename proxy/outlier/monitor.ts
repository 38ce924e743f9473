/** What outlier detection remembers of one endpoint: failures in a row, and its ejections. */
import type { OutlierDetection } from "../../crds/service-config.ts";

/** Who sets endpoints aside, and readmits them. */
export interface Judge {
  readonly policy: OutlierDetection;
  /** Brings what is due by `now` up to date. */
  refresh(now: number): void;
  eject(monitor: Monitor, now: number): void;
}

export class Monitor {
  readonly #judge: Judge;
  /** When it was ejected; NaN while it is in. */
  ejectedAt = Number.NaN;
  /** Ejections not yet forgiven: the factor of the next one's time. */
  backoff = 0;
  #fives = 0;
  #gateway = 0;
  #local = 0;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get ejected(): boolean {
    return !Number.isNaN(this.ejectedAt);
  }

  /** An HTTP status, or 0 for a failure on the way: no connection, a reset, no answer in time. */
  record(status: number, now: number): void {
    const judge = this.#judge;
    judge.refresh(now);
    const { policy } = judge;
    if (status === 0 && policy.splitExternalLocalOriginErrors) {
      if (++this.#local === policy.consecutiveLocalOriginFailures) {
        this.#local = 0;
        judge.eject(this, now);
      }
      return;
    }
    this.#local = 0;
    const { httpErrorCodes } = policy;
    // A failure on the way counts as Envoy's 503 or 504.
    const isError =
      status === 0 || (httpErrorCodes.length === 0 ? status >= 500 : httpErrorCodes.includes(status));
    const isGateway = status === 0 || (status >= 502 && status <= 504);
    this.#gateway = isGateway ? this.#gateway + 1 : 0;
    this.#fives = isError ? this.#fives + 1 : 0;
    if (isGateway && this.#gateway === policy.consecutiveGatewayErrors) {
      this.#gateway = 0;
      judge.eject(this, now);
    }
    if (isError && this.#fives === policy.consecutive5xxErrors) {
      this.#fives = 0;
      judge.eject(this, now);
    }
  }

  /** It has served its time, and begins anew. */
  readmit(): void {
    this.ejectedAt = Number.NaN;
    this.#fives = 0;
    this.#gateway = 0;
    this.#local = 0;
  }
}
