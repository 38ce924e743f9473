import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { KubeMetrics } from "./metrics-hooks.ts";

/** Counts this layer's work in a Prometheus registry, under `weft_kube_*` and `weft_workqueue_*`. */
export function createKubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "weft_kube_requests_total",
    help: "Requests to the API server, by verb and HTTP status.",
    labelNames: ["verb", "status"],
    registers,
  });
  const requestSeconds = new Histogram({
    name: "weft_kube_request_duration_seconds",
    help: "Time from sending a request to the API server to having its answer, by verb.",
    labelNames: ["verb"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers,
  });
  const relists = new Counter({
    name: "weft_kube_relists_total",
    help: "Full lists that a reflector made, by resource and reason.",
    labelNames: ["resource", "reason"],
    registers,
  });
  const watchEnds = new Counter({
    name: "weft_kube_watch_ends_total",
    help: "Watches that ended, by resource and reason.",
    labelNames: ["resource", "reason"],
    registers,
  });
  const watchEvents = new Counter({
    name: "weft_kube_watch_events_total",
    help: "Watch events received, by resource and type.",
    labelNames: ["resource", "type"],
    registers,
  });
  const depth = new Gauge({
    name: "weft_workqueue_depth",
    help: "Keys waiting for a worker.",
    labelNames: ["name"],
    registers,
  });
  const adds = new Counter({
    name: "weft_workqueue_adds_total",
    help: "Keys added to the queue.",
    labelNames: ["name"],
    registers,
  });
  const waits = new Histogram({
    name: "weft_workqueue_queue_duration_seconds",
    help: "Time a key waited before a worker took it.",
    labelNames: ["name"],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10, 60],
    registers,
  });
  const retries = new Counter({
    name: "weft_workqueue_retries_total",
    help: "Keys queued again after a failure.",
    labelNames: ["name"],
    registers,
  });
  const reconciles = new Counter({
    name: "weft_reconcile_total",
    help: "Reconciles by controller and result.",
    labelNames: ["controller", "result"],
    registers,
  });
  const reconcileSeconds = new Histogram({
    name: "weft_reconcile_duration_seconds",
    help: "Duration of a reconcile.",
    labelNames: ["controller"],
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const leading = new Gauge({
    name: "weft_leader",
    help: "1 while this process holds the lease.",
    labelNames: ["name"],
    registers,
  });
  return {
    request(verb, status, ms) {
      requests.inc({ verb, status });
      // A watch's head says nothing about how long the watch ran.
      if (verb !== "watch") requestSeconds.observe({ verb }, ms / 1000);
    },
    relist: (resource, reason) => relists.inc({ resource, reason }),
    watchEnd: (resource, reason) => watchEnds.inc({ resource, reason }),
    event: (resource, type) => watchEvents.inc({ resource, type }),
    queueAdd(name, size) {
      adds.inc({ name });
      depth.set({ name }, size);
    },
    queueTake(name, size, ms) {
      depth.set({ name }, size);
      waits.observe({ name }, ms / 1000);
    },
    queueRetry: (name) => retries.inc({ name }),
    reconcile(controller, result, ms) {
      reconciles.inc({ controller, result });
      reconcileSeconds.observe({ controller }, ms / 1000);
    },
    leader: (name, isLeading) => leading.set({ name }, isLeading ? 1 : 0),
  };
}
