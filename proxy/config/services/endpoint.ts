/** Endpoint handles: one object of a cluster for as long as the same workload answers at the same address. */
import type { Endpoint } from "../../../crds/service-config.ts";
import type { Candidate } from "../../balance/candidate.ts";
import { PeakEwma } from "../../balance/ewma.ts";
import { ReportedWeight } from "../../balance/reported-weight.ts";
import type { Detector } from "../../outlier/detector.ts";
import type { Monitor } from "../../outlier/monitor.ts";
import type { EndpointHandle } from "../view.ts";

export class Handle implements EndpointHandle, Candidate {
  /** What makes it this endpoint and no other of the cluster. */
  readonly key: string;
  readonly address: string;
  readonly target: number;
  readonly mtls: boolean;
  readonly identity: string | undefined;
  readonly workload: string | undefined;
  labels: Readonly<Record<string, string>>;
  locality: string | undefined;
  node: string | undefined;
  weight: number;
  removed = false;
  active = 0;
  readonly latency = new PeakEwma();
  reported: ReportedWeight | undefined = undefined;
  addedAt = Number.NaN;
  pool: EndpointHandle["pool"] = undefined;
  /** The update that named it last; its cluster's to write. */
  generation = 0;
  /** As it was decoded last. */
  endpoint: Endpoint;
  #monitor: Monitor | undefined;
  #detector: Detector | undefined;

  constructor(key: string, endpoint: Endpoint, target: number, mtls: boolean) {
    this.key = key;
    this.endpoint = endpoint;
    this.address = endpoint.address;
    this.target = target;
    this.mtls = mtls;
    this.identity = endpoint.identity;
    this.workload = endpoint.workload;
    this.labels = endpoint.labels;
    this.locality = endpoint.locality;
    this.node = endpoint.node;
    this.weight = share(endpoint.weight);
  }

  /** Takes over what may change of the same endpoint. True when balancing has to know. */
  update(endpoint: Endpoint): boolean {
    if (endpoint === this.endpoint) return false;
    this.endpoint = endpoint;
    const weight = share(endpoint.weight);
    const same =
      weight === this.weight &&
      endpoint.locality === this.locality &&
      endpoint.node === this.node &&
      equal(endpoint.labels, this.labels);
    this.labels = endpoint.labels;
    this.locality = endpoint.locality;
    this.node = endpoint.node;
    this.weight = weight;
    return !same;
  }

  get ejected(): boolean {
    return this.#monitor?.ejected === true;
  }

  begin(): void {
    this.active++;
  }

  end(status: number, latencyMs: number, now: number): void {
    this.active--;
    this.observe(status, latencyMs, now);
  }

  observe(status: number, latencyMs: number, now: number): void {
    if (status < 0) {
      this.latency.abandoned(latencyMs, now);
      return;
    }
    if (status === 0 || status === 429 || status >= 500) this.latency.failed(latencyMs, now);
    else this.latency.succeeded(latencyMs, now);
    this.#monitor?.record(status, now);
  }

  reportWeight(weight: number, now: number, expirationMs: number): void {
    this.reported ??= new ReportedWeight();
    this.reported.report(weight, now, expirationMs);
  }

  /** Who decides whether it is set aside; undefined for nobody. */
  watch(detector: Detector | undefined): void {
    if (detector === this.#detector) return;
    if (this.#monitor !== undefined) this.#detector?.forget(this.#monitor);
    this.#detector = detector;
    this.#monitor = detector?.watch();
  }

  remove(): void {
    this.removed = true;
    this.watch(undefined);
    const { pool } = this;
    this.pool = undefined;
    pool?.close();
  }
}

/** Balancing divides by it. */
function share(weight: number): number {
  return Math.max(weight, 1);
}

function equal(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
