/**
 * Outlier detection for one cluster, as Envoy's (consecutive 5xx, gateway errors and failures of local origin): an endpoint
 * that fails too often in a row is set aside for `baseEjectionTimeMs` times the number of its ejections, at most five minutes
 * or the base. Sweeps, one an `intervalMs`, readmit it, and forgive one ejection of each endpoint that has been in since the
 * last. There is no timer: sweeps that are due are made up for whenever somebody looks, with the outcome they would have had.
 */
import type { OutlierDetection } from "../../crds/service-config.ts";
import { type Judge, Monitor } from "./monitor.ts";

/** Envoy's `max_ejection_time`. */
const MAX_EJECTION_MS = 300_000;

export class Detector implements Judge {
  #policy: OutlierDetection;
  /** Changes whenever an endpoint is ejected or readmitted. */
  #version = 0;
  #hosts = 0;
  #ejections = 0;
  #panics = 0;
  /** Endpoints that are ejected or have ejections to be forgiven: what sweeps look at. */
  #marked: Monitor[] = [];
  #ejected = 0;
  /** When the next sweep is due; NaN until time is known. */
  #sweepAt = Number.NaN;

  constructor(policy: OutlierDetection) {
    this.#policy = policy;
  }

  get policy(): OutlierDetection {
    return this.#policy;
  }

  /** Ejections so far. */
  get ejections(): number {
    return this.#ejections;
  }

  /** Endpoints that are ejected now. */
  get ejected(): number {
    return this.#ejected;
  }

  /** Picks that went to any endpoint because too few are healthy. */
  get panics(): number {
    return this.#panics;
  }

  get minHealthPercent(): number {
    return this.#policy.minHealthPercent;
  }

  /** Goes on under another policy; what has been ejected stays so for as long as that says. */
  update(policy: OutlierDetection): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#version++;
  }

  /** A monitor for an endpoint. */
  watch(): Monitor {
    this.#hosts++;
    return new Monitor(this);
  }

  /** The endpoint is gone. */
  forget(monitor: Monitor): void {
    this.#hosts--;
    if (monitor.ejected) {
      this.#ejected--;
      this.#version++;
    }
    this.#marked = this.#marked.filter((each) => each !== monitor);
  }

  panicked(): void {
    this.#panics++;
  }

  /** Sets the endpoint aside, unless too many are already. True when it has been. */
  eject(monitor: Monitor, now: number): boolean {
    if (monitor.ejected || this.#ejected + 1 > this.#mostEjected()) return false;
    if (monitor.backoff === 0) this.#marked.push(monitor);
    // Beyond the cap another ejection lengthens nothing, and would take a sweep more to be forgiven.
    if (this.#policy.baseEjectionTimeMs * monitor.backoff < this.#longestMs) monitor.backoff++;
    monitor.ejectedAt = now;
    this.#ejections++;
    this.#ejected++;
    this.#version++;
    return true;
  }

  /** Makes up for the sweeps that are due; answers the version. */
  refresh(now: number): number {
    if (now >= this.#sweepAt) this.#sweep(now);
    else if (Number.isNaN(this.#sweepAt)) this.#sweepAt = now + this.#intervalMs;
    return this.#version;
  }

  /**
   * As one of more than one is a share, at least one may go: with Envoy's rounding down, ten per cent of nine endpoints would
   * be none, ever.
   */
  #mostEjected(): number {
    const share = Math.floor((this.#hosts * this.#policy.maxEjectionPercent) / 100);
    return this.#hosts > 1 && this.#policy.maxEjectionPercent > 0 ? Math.max(share, 1) : share;
  }

  get #longestMs(): number {
    return Math.max(MAX_EJECTION_MS, this.#policy.baseEjectionTimeMs);
  }

  get #intervalMs(): number {
    return Math.max(this.#policy.intervalMs, 1);
  }

  #sweep(now: number): void {
    const interval = this.#intervalMs;
    const first = this.#sweepAt;
    const due = Math.floor((now - first) / interval) + 1;
    this.#sweepAt = first + due * interval;
    if (this.#marked.length === 0) return;
    for (const monitor of this.#marked) {
      let left = due;
      if (monitor.ejected) {
        const until =
          monitor.ejectedAt + Math.min(this.#policy.baseEjectionTimeMs * monitor.backoff, this.#longestMs);
        // The first sweep that is late enough readmits; only those after it forgive.
        const readmits = Math.max(Math.ceil((until - first) / interval), 0) + 1;
        if (readmits > due) continue;
        monitor.readmit();
        this.#ejected--;
        this.#version++;
        left = due - readmits;
      }
      monitor.backoff = Math.max(monitor.backoff - left, 0);
    }
    this.#marked = this.#marked.filter((monitor) => monitor.ejected || monitor.backoff > 0);
  }
}
