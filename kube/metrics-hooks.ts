/** Where this layer counts what it does; `kube/metrics.ts` wires it to Prometheus at the edge. */
export interface KubeMetrics {
  request(verb: string, status: number, ms: number): void;
  /** A reflector listed anew: "start", "expired" (410) or "fallback". */
  relist(resource: string, reason: string): void;
  /** A watch ended: "timeout" (as agreed), "broken", "silent", "expired" or "error". */
  watchEnd(resource: string, reason: string): void;
  event(resource: string, type: string): void;
  queueAdd(queue: string, depth: number): void;
  /** A key was taken from the queue after waiting `ms`. */
  queueTake(queue: string, depth: number, ms: number): void;
  queueRetry(queue: string): void;
  reconcile(
    controller: string,
    result: "success" | "requeue" | "conflict" | "invalid" | "error",
    ms: number,
  ): void;
  leader(election: string, leading: boolean): void;
}

export const noMetrics: KubeMetrics = {
  request() {},
  relist() {},
  watchEnd() {},
  event() {},
  queueAdd() {},
  queueTake() {},
  queueRetry() {},
  reconcile() {},
  leader() {},
};
