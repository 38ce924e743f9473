import { describe, expect, it } from "vitest";
import { readSettings } from "./settings.ts";

const env = {
  KUBERNETES_SERVICE_HOST: "10.96.0.1",
  KUBERNETES_SERVICE_PORT: "443",
  WEFT_NAMESPACE: "demo",
  WEFT_POD_IP: "10.1.0.7,fd00::7",
  WEFT_WORKLOAD: "Deployment/web",
  WEFT_CA_URL: "https://control-default.istio-system.svc:15012",
  WEFT_CA_ROOT: "-----BEGIN CERTIFICATE-----",
};

describe("the sidecar's settings", () => {
  it("are what the injector wrote, with defaults for the rest", () => {
    expect(
      readSettings({
        ...env,
        WEFT_POD_LABELS: '{"app":"web"}',
        WEFT_DRAIN_SECONDS: "7",
        WEFT_LOG_LEVEL: "debug",
      }),
    ).toMatchObject({
      revision: "default",
      podIps: ["10.1.0.7", "fd00::7"],
      labels: { app: "web" },
      apiUrl: "https://10.96.0.1:443",
      drainSeconds: 7,
      logLevel: "debug",
      trustDomain: "cluster.local",
    });
    expect(readSettings(env)).toMatchObject({
      labels: {},
      drainSeconds: 5,
      logLevel: "info",
      appMetrics: undefined,
    });
  });

  it("put an IPv6 API server into brackets", () => {
    expect(readSettings({ ...env, KUBERNETES_SERVICE_HOST: "fd00::1" }).apiUrl).toBe("https://[fd00::1]:443");
  });

  it("take the application's metrics port as a number or as text", () => {
    expect(readSettings({ ...env, WEFT_APP_METRICS: '{"port":"9100"}' }).appMetrics).toEqual({
      port: 9100,
      path: "/metrics",
    });
  });

  it("name everything that is missing or malformed at once", () => {
    const read = () =>
      readSettings({ WEFT_POD_LABELS: "[1]", WEFT_DRAIN_SECONDS: "soon", WEFT_APP_METRICS: '{"port":0}' });
    for (const name of [
      "KUBERNETES_SERVICE_HOST",
      "WEFT_NAMESPACE",
      "WEFT_POD_IP",
      "WEFT_WORKLOAD",
      "WEFT_CA_URL",
      "WEFT_CA_ROOT",
    ]) {
      expect(read).toThrow(name);
    }
    expect(read).toThrow("WEFT_POD_LABELS: expected a JSON object of strings, found [1]");
    expect(read).toThrow("WEFT_DRAIN_SECONDS: expected a number of seconds from 0 to 3600, found soon");
    expect(read).toThrow("WEFT_APP_METRICS");
  });
});
