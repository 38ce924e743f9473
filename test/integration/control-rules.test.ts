import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bareHostName } from "../../control/compile/names.ts";
import { serviceConfigs, workloadConfigs } from "../../control/publish/write.ts";
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { CompiledJson } from "../../proxy/config/testdata.ts";
import { exchange } from "../support/client.ts";
import {
  ControlBench,
  namespace,
  rateLimits,
  requestAuthentications,
  serviceEntries,
  until,
  virtualServices,
} from "../support/control.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, listen, ok, TestServer } from "../support/server.ts";

/** What control publishes of tokens, limits and hosts outside, for one workload. */
let bench: ControlBench;
beforeAll(async () => {
  bench = await ControlBench.open();
  await bench.deploy("payment-service", "v1", "198.18.0.11");
  await bench.start("one");
});
afterAll(() => bench?.[Symbol.asyncDispose]());

describe("control", () => {
  it("publishes whose tokens are taken, with keys that it fetches, and how many requests", async () => {
    const keys = '{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}';
    const issuer = createServer(({ url = "" }, response) => {
      if (url === "/keys") response.end(keys);
      else response.end(JSON.stringify({ jwks_uri: `${address}/keys` }));
    });
    const address = `http://127.0.0.1:${await listen(issuer)}`;
    const workload = "deployment-payment-service-v1.default";
    try {
      const rule = (fields: object) => ({ jwtRules: [fields] });
      await bench.create(
        requestAuthentications,
        "address",
        rule({ issuer: "a", jwksUri: `${address}/keys` }),
      );
      await bench.create(requestAuthentications, "discovery", rule({ issuer: address }));
      await bench.create(requestAuthentications, "nowhere", rule({ issuer: "http://127.0.0.1:1" }));
      await bench.create(rateLimits, "limit", { rules: [{ limit: { requests: 5, unit: "MINUTE" } }] });
      const { status } = await bench.compiled<WorkloadConfigStatus>(
        workloadConfigs,
        workload,
        ({ jwtRules, rateLimits: limits }) =>
          jwtRules.length === 3 &&
          jwtRules[1]?.jwks !== "" &&
          jwtRules[0]?.jwks !== "" &&
          limits?.length === 1,
      );
      const key = '{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}';
      expect(status.jwtRules).toMatchObject([
        { name: `${namespace}/address`, issuer: "a", jwks: key },
        { name: `${namespace}/discovery`, issuer: address, jwks: key },
        { name: `${namespace}/nowhere`, jwks: "" },
      ]);
      expect(status.rateLimits).toMatchObject([
        { name: `RateLimit/${namespace}/limit[0]`, maxTokens: 5, fillIntervalMs: 60_000 },
      ]);

      // The issuer is down while control starts anew: what proxies have stays.
      issuer.close().closeAllConnections();
      const before = await bench.versions();
      await Promise.all([...bench.running].map((control) => bench.stop(control)));
      const control = await bench.start("after-issuer");
      await until("the lead", () => control.isLeader() || undefined, 30_000);
      await sleep(500);
      expect((await bench.versions())[workload]).toBe(before[workload]);
      for (const name of ["address", "discovery", "nowhere"])
        await bench.client.delete(requestAuthentications, { namespace, name });
      await bench.client.delete(rateLimits, { namespace, name: "limit" });
      await bench.compiled<WorkloadConfigStatus>(
        workloadConfigs,
        workload,
        ({ jwtRules, rateLimits: limits = [] }) => jwtRules.length === 0 && limits.length === 0,
      );
    } finally {
      issuer.close().closeAllConnections();
    }
  });

  it("publishes hosts of ServiceEntries and the routes to them, which a proxy calls by the names' addresses", async () => {
    await using outside = await TestServer.start(application((text) => ok(`outside ${text.split(" ")[1]}`)));
    const hello = createTcpServer((socket) => {
      socket.once("data", () => socket.end("hello"));
      socket.on("error", () => {});
    });
    const opaque = await listen(hello);
    try {
      await bench.create(serviceEntries, "outside", {
        hosts: ["api.example.com"],
        ports: [
          { number: 80, name: "http", protocol: "HTTP", targetPort: outside.port },
          { number: 443, name: "tls", protocol: "TLS", targetPort: opaque },
        ],
        resolution: "DNS",
        endpoints: [{ address: "localhost" }],
      });
      await bench.create(virtualServices, "outside", {
        hosts: ["api.example.com"],
        http: [
          {
            route: [{ destination: { host: "api.example.com", port: { number: 80 } } }],
            rewrite: { uri: "/rewritten" },
          },
        ],
      });
      const name = bareHostName("api.example.com");
      const { status, metadata } = await bench.compiled<ServiceConfigStatus>(
        serviceConfigs,
        `${name}.service.default`,
        ({ service }) => service?.common.http.length === 1,
      );
      expect(status.service).toMatchObject({ host: "api.example.com", resolution: "DNS", endpointSlices: 1 });
      expect(status.generations).toEqual([
        `ServiceEntry/${namespace}/outside@1`,
        `VirtualService/${namespace}/outside@1`,
      ]);
      expect(metadata.ownerReferences).toMatchObject([{ kind: "ServiceEntry", name: "outside" }]);
      await bench.compiled<ServiceConfigStatus>(
        serviceConfigs,
        "index.default",
        ({ index }) => index?.services.some(({ hosts }) => hosts?.includes("api.example.com")) === true,
      );

      const items = [
        ...(await bench.client.list(serviceConfigs, { namespace })).items,
        await bench.client.get(workloadConfigs, { namespace, name: "deployment-payment-service-v1.default" }),
      ];
      const kinds = items.map((item, i) => ({
        ...item,
        kind: i === items.length - 1 ? "WorkloadConfig" : "ServiceConfig",
      }));
      await using proxy = await TestProxy.start({
        file: {
          outbound: [80, 443].map((port) => ({ listen: "127.0.0.1:0", destination: `127.0.0.99:${port}` })),
        },
        objects: kinds as unknown as CompiledJson[],
      });
      const request = "GET /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
      expect(await exchange(proxy.port("outbound"), request)).toContain("outside /rewritten");
      const bySni = connectTls({
        port: proxy.port("outbound1"),
        host: "127.0.0.1",
        servername: "api.example.com",
      });
      const [error] = await once(bySni, "error");
      // What answers is no TLS server, and so is what the ServiceEntry leads to.
      expect(String(error)).toMatch(/wrong version number|packet length too long/);
    } finally {
      hello.close();
    }
    for (const resource of [serviceEntries, virtualServices])
      await bench.client.delete(resource, { namespace, name: "outside" });
    await until("the host's parts are deleted", async () => {
      const { items } = await bench.client.list(serviceConfigs, { namespace });
      return items.every(({ metadata }) => !metadata.name?.startsWith("host-"));
    });
  });
});
