import { describe, expect, it } from "vitest";
import { exposition } from "./exposition.ts";
import { mergeExpositions } from "./merge.ts";
import { RouteMetrics } from "./route-metrics.ts";
import { MAX_SERIES } from "./series.ts";

const target = { host: "pay.shop.svc.cluster.local", port: 80 };
const labels = 'envoy_virtual_host="pay.shop.svc.cluster.local:80",envoy_route="checkout"';

describe("statistics of a route", () => {
  it("count its responses by status, by class and together, and time them", () => {
    const metrics = new RouteMetrics();
    const route = { statPrefix: "checkout" };
    for (const [status, ms] of [
      [200, 3],
      [200, 30],
      [204, 3],
      [503, 700],
    ] as const)
      metrics.record(route, target, status, ms);
    const page = exposition([metrics]);
    for (const line of [
      "# TYPE envoy_vhost_route_upstream_rq counter",
      `envoy_vhost_route_upstream_rq{envoy_response_code="200",${labels}} 2`,
      `envoy_vhost_route_upstream_rq{envoy_response_code="204",${labels}} 1`,
      `envoy_vhost_route_upstream_rq_xx{envoy_response_code_class="2",${labels}} 3`,
      `envoy_vhost_route_upstream_rq_xx{envoy_response_code_class="5",${labels}} 1`,
      `envoy_vhost_route_upstream_rq_completed{${labels}} 4`,
      "# TYPE envoy_vhost_route_upstream_rq_time histogram",
      `envoy_vhost_route_upstream_rq_time_bucket{${labels},le="5"} 2`,
      `envoy_vhost_route_upstream_rq_time_bucket{${labels},le="+Inf"} 4`,
      `envoy_vhost_route_upstream_rq_time_sum{${labels}} 736`,
    ])
      expect(page.split("\n")).toContain(line);
  });

  it("go on under the same labels when the route is configured anew, and are shared by routes of one prefix", () => {
    const metrics = new RouteMetrics();
    metrics.record({ statPrefix: "checkout" }, target, 200, 1);
    metrics.record({ statPrefix: "checkout" }, target, 200, 1);
    expect(exposition([metrics])).toContain(`envoy_vhost_route_upstream_rq_completed{${labels}} 2\n`);
  });

  it("are told apart by host and port", () => {
    const metrics = new RouteMetrics();
    metrics.record({ statPrefix: "checkout" }, target, 200, 1);
    metrics.record({ statPrefix: "checkout" }, { ...target, port: 8080 }, 200, 1);
    expect(exposition([metrics])).toContain(`envoy_vhost_route_upstream_rq_completed{${labels}} 1\n`);
  });

  it("are not shown when no route asks for them", () => {
    expect(exposition([new RouteMetrics()])).toBe("");
  });

  it("of too many routes are counted together", () => {
    const metrics = new RouteMetrics();
    for (let i = 0; i <= MAX_SERIES; i++) metrics.record({ statPrefix: `p${i}` }, target, 200, 1);
    expect(metrics.overflowed).toBe(1);
    expect(exposition([metrics])).toContain(
      'envoy_vhost_route_upstream_rq_completed{envoy_virtual_host="other",envoy_route="other"} 1\n',
    );
  });

  it("of several processes add up", () => {
    const pages = [1, 2].map(() => {
      const metrics = new RouteMetrics();
      metrics.record({ statPrefix: "checkout" }, target, 200, 1);
      return exposition([metrics]);
    });
    expect(mergeExpositions(pages)).toContain(`envoy_vhost_route_upstream_rq_completed{${labels}} 2\n`);
  });
});
