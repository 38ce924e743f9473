import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  view,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { eventually } from "../support/poll.ts";
import { type Harness, type Line, type Observer, startHarness } from "./proxy-config/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness?.close();
});

const behind = (line: Line, host: string): unknown =>
  (line.behind as Record<string, unknown> | undefined)?.[host];

/** An index of services and, for each, its two parts. */
async function writeServices(namespace: string, names: readonly string[]): Promise<void> {
  await harness.write(
    indexObject(
      namespace,
      names.map((name) => entry(namespace, name)),
    ),
  );
  for (const name of names) {
    await harness.write(serviceObject(namespace, name));
    await harness.write(endpointsObject(namespace, name, [endpoint("10.0.0.1")]));
  }
}

/** What its runtime's heap holds, and outside of it, when garbage and compiled code are gone. */
async function bytesOf(observer: Observer): Promise<number> {
  const from = observer.lines.length;
  observer.send("memory");
  const isNew = (line: Line) => line.event === "memory" && observer.lines.indexOf(line) >= from;
  return Number((await observer.until("its memory", isNew)).bytes);
}

describe("a proxy's configuration", () => {
  it("waits for its WorkloadConfig and has it at once when it is written", async () => {
    const lags: number[] = [];
    for (const namespace of ["early-1", "early-2", "early-3"]) {
      await writeServices(namespace, ["pay"]);
      const observer = await harness.observe(namespace, "Deployment/storefront");
      expect(observer.lines.some((line) => line.ready === true)).toBe(false);
      const written = await harness.write(workloadObject(namespace, "storefront", { mtls: "STRICT" }));
      const isReady = (line: Line) => line.ready === true && line.mtls === "STRICT";
      lags.push((await observer.until("it is ready", isReady)).at - written);
      const loaded = await observer.load("pay");
      expect(behind(loaded, "pay")).toBe("10.0.0.1*1");
    }
    // The least of three: the machine stands still now and then.
    expect(Math.min(...lags)).toBeLessThan(500);
  });

  it("takes each change within milliseconds", async () => {
    await writeServices("quick", ["pay"]);
    await harness.write(workloadObject("quick", "storefront"));
    const observer = await harness.observe("quick", "Deployment/storefront");
    await observer.until("it is ready", (line) => line.ready === true);
    await observer.load("pay");
    const lags: number[] = [];
    for (let weight = 2; weight < 42; weight++) {
      const written = await harness.write(
        endpointsObject("quick", "pay", [endpoint("10.0.0.1", { weight })]),
      );
      const line = await observer.until(
        `weight ${weight}`,
        (each) => behind(each, "pay") === `10.0.0.1*${weight}`,
      );
      lags.push(line.at - written);
    }
    lags.sort((a, b) => a - b);
    console.log(
      `change to view, after the write was acknowledged: p50 ${lags[20]} ms, max ${lags.at(-1)} ms`,
    );
    expect(lags[20]).toBeLessThan(50);
  });

  it("loads what the routes of a service lead to", async () => {
    await writeServices("routed", ["front", "behind"]);
    await harness.write(
      serviceObject("routed", "front", {
        common: view({ http: [forward(destination("routed", "behind"))] }),
      }),
    );
    await harness.write(endpointsObject("routed", "behind", [endpoint("10.0.0.77")]));
    await harness.write(workloadObject("routed", "storefront"));
    const observer = await harness.observe("routed", "Deployment/storefront");
    await observer.until("it is ready", (line) => line.ready === true);
    expect(behind(await observer.load("front"), "front")).toBe("10.0.0.77*1");
  });

  it("loses no event while it subscribes to one service after another", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `svc-${i}`);
    await writeServices("growing", names);
    await harness.write(workloadObject("growing", "storefront"));
    const observer = await harness.observe("growing", "Deployment/storefront");
    await observer.until("it is ready", (line) => line.ready === true);

    let writing = true;
    let weight = 1;
    const last = new Map<string, number>();
    const writer = async (mine: readonly string[]) => {
      while (writing) {
        for (const name of mine) {
          last.set(name, ++weight);
          await harness.write(
            endpointsObject("growing", name, [endpoint("10.0.0.1", { weight: last.get(name) ?? 0 })]),
          );
        }
      }
    };
    const writers = [writer(names.slice(0, 4)), writer(names.slice(4, 8)), writer(names.slice(8))];
    const loads: number[] = [];
    for (const name of names) loads.push(Number((await observer.load(name)).ms));
    writing = false;
    await Promise.all(writers);
    for (const name of names) {
      await observer.until(
        `the last write to ${name}`,
        (line) => behind(line, name) === `10.0.0.1*${last.get(name)}`,
      );
    }
    for (const name of names) {
      const weights = observer.lines.flatMap((line) =>
        Number(String(behind(line, name)).split("*")[1] ?? Number.NaN),
      );
      const told = weights.filter((each) => !Number.isNaN(each));
      expect(told, `${name} never goes back`).toEqual(told.toSorted((a, b) => a - b));
    }
    loads.sort((a, b) => a - b);
    console.log(
      `first call's wait for a service under ${weight} writes: p50 ${loads[6]?.toFixed(1)} ms, max ${loads.at(-1)?.toFixed(1)} ms`,
    );
  });

  it("takes at most 100 bytes for each service of the cluster, having seen them appear or started then", async () => {
    const count = 6_000;
    const services = (upTo: number) =>
      Array.from({ length: upTo }, (_, i) =>
        entry("crowd", `service-${i}`, {
          addresses: [`198.18.${i >> 8}.${i & 255}`],
          ports: [{ port: 80, protocol: "http", name: "http" }],
        }),
      );
    await writeServices("quiet", ["pay"]);
    await harness.write(workloadObject("quiet", "storefront"));
    const ready = async () => {
      const observer = await harness.observe("quiet", "Deployment/storefront");
      await observer.until("it is ready", (line) => line.ready === true);
      await observer.load("pay");
      return observer;
    };
    const beside = await ready();
    const before = await bytesOf(beside);
    for (let written = 1; written <= 6; written++)
      await harness.write(indexObject("crowd", services((count / 6) * written)));
    await harness.write(endpointsObject("quiet", "pay", [endpoint("10.0.0.2")]));
    await beside.until("what was written last", (line) => behind(line, "pay") === "10.0.0.2*1");
    const perService = async (observer: Observer) => ((await bytesOf(observer)) - before) / count;
    const held = { beside: await perService(beside), after: await perService(await ready()) };
    if (process.env.WEFT_PRINT !== undefined) console.log(held, "bytes a service");
    await harness.remove(indexObject("crowd", []));
    expect(held.beside).toBeLessThan(100);
    expect(held.after).toBeLessThan(100);
  }, 60_000);

  it("goes on without the API server, and takes what was written meanwhile when it is back", async () => {
    await writeServices("outage", ["pay", "gone"]);
    await harness.write(workloadObject("outage", "storefront"));
    const state = await harness.folder();
    const observer = await harness.observe("outage", "Deployment/storefront", state);
    await observer.until("it is ready", (line) => line.ready === true);
    await observer.load("pay");
    await observer.load("gone");

    await harness.server.stop();
    await observer.until("the loss is told", (line) => line.event === "log" && line.kind === "ServiceConfig");
    await harness.server.start();
    await harness.write(endpointsObject("outage", "pay", [endpoint("10.0.0.2")]));
    await harness.remove(serviceObject("outage", "gone"));
    await observer.until("the change", (line) => behind(line, "pay") === "10.0.0.2*1");
    await observer.until("the deletion", (line) => behind(line, "gone") === "not loaded");
  });

  it("serves after a restart with the API server down, and follows it when it is back", async () => {
    await writeServices("restart", ["pay", "ship"]);
    await harness.write(workloadObject("restart", "storefront", { mtls: "STRICT" }));
    const state = await harness.folder();
    const before = await harness.observe("restart", "Deployment/storefront", state);
    await before.until("it is ready", (line) => line.ready === true);
    await before.load("pay");
    await before.load("ship");
    before.send("close");
    // It is renamed into place, whole.
    const saved = () => readFile(join(state, "last-good.json"), "utf8").catch(() => "");
    await eventually(async () => /^\{"format":1,"wanted":\["\w+","\w+"\]/.test(await saved()));
    await harness.server.stop();
    const after = await harness.observe("restart", "Deployment/storefront", state);
    const started = await after.until("it starts", (line) => line.event === "started");
    expect(started.ready).toBe(true);
    const loads = [await after.load("pay"), await after.load("ship")];
    expect(loads.map((line) => behind(line, String(line.host)))).toEqual(["10.0.0.1*1", "10.0.0.1*1"]);
    // The less of two: the machine stands still now and then.
    expect(Math.min(...loads.map(({ ms }) => Number(ms)))).toBeLessThan(50);
    await harness.server.start();
    await harness.write(endpointsObject("restart", "pay", [endpoint("10.0.0.3")]));
    await after.until("the change", (line) => behind(line, "pay") === "10.0.0.3*1");
  });
});
