import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { AccessLog, formatEntry } from "./access-log.ts";
import { Counters } from "./counters.ts";
import { exposition } from "./exposition.ts";
import { BOUNDS, HISTOGRAM_WIDTH, observe, writeHistogram } from "./histogram.ts";
import { type Flow, UNKNOWN_WORKLOAD, workloadOf } from "./labels.ts";
import { decodePeer, encodePeer } from "./peer.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { SeriesTable } from "./series.ts";
import { OPENED, TcpMetrics } from "./tcp-metrics.ts";

const flow: Flow = {
  reporter: "source",
  source: workloadOf(
    "Deployment/order",
    "shop",
    { app: "order", version: "v1" },
    "spiffe://td/ns/shop/sa/order",
  ),
  destination: workloadOf(
    "payment-v2",
    "shop",
    { app: "payment", version: "v2" },
    "spiffe://td/ns/shop/sa/payment",
  ),
  service: { host: "payment.shop.svc.cluster.local", name: "payment", namespace: "shop" },
  protocol: "http",
  flags: "-",
  security: "mutual_tls",
};

describe("a histogram", () => {
  it("counts each value in every bucket from its own up", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 5_000_000, noNaN: true }), { maxLength: 50 }),
        (observed) => {
          const values = new Float64Array(HISTOGRAM_WIDTH);
          for (const value of observed) observe(values, 0, value);
          const out: string[] = [];
          writeHistogram(out, "h", 'a="b"', values, 0);
          for (const bound of BOUNDS) {
            const below = observed.filter((value) => value <= bound).length;
            expect(out).toContain(`h_bucket{a="b",le="${bound}"} ${below}\n`);
          }
          expect(out.join("")).toContain(`h_bucket{a="b",le="+Inf"} ${observed.length}\n`);
          expect(out.join("")).toContain(`h_count{a="b"} ${observed.length}\n`);
        },
      ),
    );
  });
});

describe("request metrics", () => {
  it("carry Istio's labels", () => {
    const metrics = new RequestMetrics();
    metrics.record(metrics.bind(flow, 200, ""), 7, 100, 1000);
    const page = exposition([metrics]);
    expect(page).toContain("# TYPE istio_requests_total counter\n");
    const line = page.split("\n").find((each) => each.startsWith("istio_requests_total{"));
    for (const label of [
      'reporter="source"',
      'source_workload="order"',
      'source_principal="spiffe://td/ns/shop/sa/order"',
      'source_canonical_service="order"',
      'destination_workload="payment-v2"',
      'destination_version="v2"',
      'destination_service="payment.shop.svc.cluster.local"',
      'destination_service_name="payment"',
      'destination_service_namespace="shop"',
      'request_protocol="http"',
      'response_code="200"',
      'response_flags="-"',
      // The source does not vouch for it.
      'connection_security_policy="unknown"',
    ]) {
      expect(line).toContain(label);
    }
    expect(line?.endsWith(" 1")).toBe(true);
    expect(page).toMatch(/istio_request_duration_milliseconds_bucket\{.*le="5"\} 0\n.*le="10"\} 1\n/);
  });

  it("are counted into a row that is bound once, whatever grows around it", () => {
    const metrics = new RequestMetrics();
    const row = metrics.bind(flow, 200, "");
    for (let status = 300; status < 400; status++) metrics.record(metrics.bind(flow, status, ""), 1, 1, 1);
    metrics.record(row, 1, 1, 1);
    metrics.record(metrics.bind({ ...flow }, 200, ""), 1, 1, 1);
    expect(exposition([metrics])).toMatch(/istio_requests_total\{.*response_code="200".*\} 2\n/);
  });

  it("of unused rows are not shown", () => {
    const metrics = new RequestMetrics();
    metrics.bind(flow, 200, "");
    expect(exposition([metrics])).toBe("");
  });
});

describe("a series table", () => {
  it("counts what does not fit in one row of others", () => {
    const table = new SeriesTable(1, 3);
    const rows = ["a", "b", "c", "d", "e"].map((label) => table.bind([label], ["other"]));
    expect(new Set(rows.slice(0, 3)).size).toBe(3);
    expect(rows[3]).toBe(rows[4]);
    expect(rows.slice(0, 3)).not.toContain(rows[3]);
    expect(table.bind(["a"], ["other"])).toBe(rows[0]);
    expect(table.overflowed).toBe(2);
  });
});

describe("TCP metrics", () => {
  it("count connections and bytes per flow", () => {
    const metrics = new TcpMetrics();
    metrics.add(metrics.bind({ ...flow, protocol: "tcp" }), OPENED, 1);
    const page = exposition([metrics]);
    expect(page).toMatch(/istio_tcp_connections_opened_total\{.*request_protocol="tcp".*\} 1\n/);
    expect(page).toMatch(/istio_tcp_sent_bytes_total\{.*\} 0\n/);
  });
});

describe("a page", () => {
  it("escapes label values", () => {
    const counters = new Counters("weft_x_total", "Help\nof two lines.", ["reason"]);
    counters.of('a"b\\c\nd').value++;
    expect(exposition([counters])).toBe(
      '# HELP weft_x_total Help\\nof two lines.\n# TYPE weft_x_total counter\nweft_x_total{reason="a\\"b\\\\c\\nd"} 1\n',
    );
  });
});

describe("a peer's own words", () => {
  const principal = "spiffe://td/ns/shop/sa/order";

  it("come back as they were said, but for the namespace, which its certificate proves", () => {
    const told = decodePeer(
      encodePeer({ ...flow.source, app: "a;b=c/\u00fc", namespace: "forged" }),
      principal,
    );
    expect(told).toMatchObject({
      workload: "order",
      app: "a;b=c/\u00fc",
      version: "v1",
      namespace: "shop",
      principal,
    });
  });

  it.each([undefined, "", "a;b;c", "a;b;c;d;e", "%zz;a;b;c", `${"x".repeat(254)};a;b;c`])(
    "are not believed: %j",
    (value) => {
      expect(decodePeer(value, principal)).toMatchObject({
        ...UNKNOWN_WORKLOAD,
        principal,
        namespace: "shop",
      });
    },
  );
});

describe("an access log line", () => {
  const entry = {
    at: Date.UTC(2026, 0, 2, 3, 4, 5),
    method: "GET",
    path: '/a"b\r\nforged',
    protocol: "HTTP/1.1",
    status: 200,
    flags: "-",
    details: "",
    bytesReceived: 1,
    bytesSent: 2,
    durationMs: 3.4,
    authority: "web",
    upstreamHost: "10.0.0.1:80",
    upstreamCluster: "outbound|80||web",
    downstream: "10.0.0.9",
    requestId: "r",
    userAgent: "curl",
    route: "default",
  };

  it("is one line in Istio's order, and what a client sent cannot break out of its field", () => {
    expect(formatEntry(entry)).toBe(
      '[2026-01-02T03:04:05.000Z] "GET /a\\x22b\\x0d\\x0aforged HTTP/1.1" 200 - - - "-" 1 2 3 - "-" "curl" "r" "web" ' +
        '"10.0.0.1:80" outbound|80||web - - 10.0.0.9 - default\n',
    );
  });

  it("is JSON with Istio's keys where that is asked for, one object a line", () => {
    const written: string[] = [];
    const sink = { write: (text: string) => written.push(text) > 0, defer: () => {} };
    const log = new AccessLog(sink, () => {}, "JSON");
    log.record(entry);
    log.flush();
    expect(written).toHaveLength(1);
    expect(written[0]?.endsWith("}\n")).toBe(true);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({
      start_time: "2026-01-02T03:04:05.000Z",
      method: "GET",
      path: entry.path,
      response_code: 200,
      response_flags: "-",
      response_code_details: null,
      bytes_received: 1,
      bytes_sent: 2,
      duration: 3,
      user_agent: "curl",
      authority: "web",
      upstream_host: "10.0.0.1:80",
      upstream_cluster: "outbound|80||web",
      downstream_remote_address: "10.0.0.9",
      route_name: "default",
    });
  });

  it("is written in batches, and dropped and counted when its reader is too slow", () => {
    const deferred: (() => void)[] = [];
    const written: string[] = [];
    let takes = false;
    const write = (text: string) => takes && written.push(text) > 0;
    const dropped = vi.fn();
    const log = new AccessLog({ write, defer: (run) => deferred.push(run) }, dropped);
    for (let line = 0; line < 5_000; line++) log.record(entry);
    expect(dropped).toHaveBeenCalled();
    expect(written).toEqual([]);
    takes = true;
    for (const run of deferred) run();
    expect(written).toHaveLength(1);
    expect(written[0]?.length).toBeLessThan(300 * 1024);
    expect((written[0]?.match(/\n/g)?.length ?? 0) + dropped.mock.calls.length).toBe(5_000);
  });
});
