import { execFileSync } from "node:child_process";
import { mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.ts";
import type { Resolve } from "./services/resolved-names.ts";
import { startStaticSource } from "./static.ts";
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
} from "./testdata.ts";
import type { ConfigSource, RouteRequest } from "./view.ts";

const request: RouteRequest = {
  method: "GET",
  path: "/",
  authority: "pay",
  scheme: "http",
  port: 80,
  header: () => undefined,
};
let folder: string;
let logged: string[];
let source: ConfigSource | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-static-"));
  logged = [];
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, content: unknown) =>
  writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
const start = async (resolve: Resolve = async () => []) => {
  source = await startStaticSource({
    folder,
    clusterDomain: "cluster.local",
    clock: systemClock,
    random: () => 0,
    resolve,
    log: (_level, _message, fields) => logged.push(String(fields?.error)),
  });
  return source;
};
const lands = () => {
  const result = source?.view()?.targetByHost("pay", 80)?.route(request);
  return result?.kind === "forward"
    ? result.cluster.endpoints.map(({ address }) => address).join()
    : result?.kind;
};

describe("a folder of configuration", () => {
  beforeEach(async () => {
    await write("workload.json", workloadObject("shop", "storefront"));
    await write("services.json", {
      items: [indexObject("shop", [entry("shop", "pay")]), serviceObject("shop", "pay")],
    });
    await write("endpoints.json", [endpointsObject("shop", "pay", [endpoint("10.0.0.1")])]);
  });

  it("is loaded whole", async () => {
    await start();
    expect([source?.ready(), lands(), source?.dump().objects.length]).toEqual([true, "10.0.0.1", 4]);
  });

  it("may leave out what the content says: labels, hashes, namespaces", async () => {
    const { metadata, status, ...rest } = endpointsObject("shop", "pay", [endpoint("10.0.0.2")]);
    const { hash: _, ...content } = status as { hash: string };
    await write("endpoints.json", {
      ...rest,
      metadata: { name: metadata.name, namespace: "shop" },
      status: content,
    });
    await start();
    expect(lands()).toBe("10.0.0.2");
  });

  it("is followed: what is written, and what is deleted", async () => {
    await start();
    await write("endpoints.json", endpointsObject("shop", "pay", [endpoint("10.0.0.9")]));
    await vi.waitFor(() => expect(lands()).toBe("10.0.0.9"), 5_000);
    await rm(join(folder, "services.json"));
    await vi.waitFor(() => expect(source?.view()?.targetByHost("pay", 80)).toBeUndefined(), 5_000);
  });

  it("is what was written last, however long what came before it takes to be read", async () => {
    await start();
    const seen: unknown[] = [];
    source?.onChange(() => seen.push(lands()));
    // A pipe is read for as long as nobody has written to it.
    const slow = join(folder, "a.json");
    execFileSync("mkfifo", [join(folder, "pipe")]);
    await rename(join(folder, "pipe"), slow);
    await rm(join(folder, "endpoints.json"));
    const pipe = await open(slow, "w");
    await rm(slow);
    await write("endpoints.json", endpointsObject("shop", "pay", [endpoint("10.0.0.9")]));
    // Long enough for what was written last to be read, if it did not wait for its turn.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await pipe.writeFile(JSON.stringify(endpointsObject("shop", "pay", [endpoint("10.0.0.2")])));
    await pipe.close();
    await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(2), 5_000);
    expect(seen.at(-1)).toBe("10.0.0.9");
  });

  it("stays in force when a file cannot be read, and says why", async () => {
    await start();
    await write("endpoints.json", "{");
    await vi.waitFor(() => expect(logged.join()).toContain("endpoints.json: expected JSON"), 5_000);
    expect(lands()).toBe("10.0.0.1");
  });

  it("stays in force as a whole when one object cannot be compiled, also when a name is resolved then", async () => {
    const named = endpoint("db.example", { dns: true });
    await write("endpoints.json", endpointsObject("shop", "pay", [endpoint("10.0.0.1"), named]));
    let answer: ((answers: { address: string; ttlMs: number }[]) => void) | undefined;
    let asked = 0;
    await start(() => {
      if (asked++ === 0) return Promise.reject(new Error("not yet"));
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const matches = [
      { uri: { kind: "regex" as const, value: "(" }, headers: [], withoutHeaders: [], queryParams: [] },
    ];
    const broken = { ...forward(destination("shop", "pay")), matches };
    // First what is broken: the folder may be read between the two.
    await write("services.json", [
      indexObject("shop", [entry("shop", "pay")]),
      serviceObject("shop", "pay", { common: view({ http: [broken] }) }),
    ]);
    await write("endpoints.json", endpointsObject("shop", "pay", [endpoint("10.0.0.9"), named]));
    await vi.waitFor(() => expect(logged.join()).toContain("shop/pay.service.default"), 5_000);
    await vi.waitFor(() => expect(answer).toBeDefined(), 5_000);
    answer?.([{ address: "10.0.0.2", ttlMs: 60_000 }]);
    await vi.waitFor(() => expect(lands()).toBe("10.0.0.1,10.0.0.2"), 5_000);
  });

  it("names the file, and in a list the place, of an object that cannot be read", async () => {
    const broken = { kind: "WorkloadConfig", metadata: { name: "a" }, status: {} };
    const mistake = "WorkloadConfig/default/a: status.workload: expected an object, found nothing";
    for (const [content, place] of [
      [broken, "other.json"],
      [[broken], "other.json: [0]"],
      [{ items: [workloadObject("shop", "b"), broken] }, "other.json: items[1]"],
    ] as const) {
      await write("other.json", content);
      await expect(start()).rejects.toThrow(`${join(folder, place)}: ${mistake}`);
    }
  });

  it("answers at once for destinations that are not in it", async () => {
    await write("services.json", {
      items: [
        indexObject("shop", [entry("shop", "pay")]),
        serviceObject("shop", "pay", { common: view({ http: [forward(destination("shop", "nowhere"))] }) }),
      ],
    });
    await start();
    expect(lands()).toBe("noCluster");
  });

  it("needs a WorkloadConfig and known kinds", async () => {
    await write("other.json", { kind: "Secret", metadata: { name: "a" }, status: {} });
    await expect(start()).rejects.toThrow("expected the kind ServiceConfig or WorkloadConfig, found Secret");
    await rm(join(folder, "other.json"));
    await rm(join(folder, "workload.json"));
    await expect(start()).rejects.toThrow("expected a WorkloadConfig in one of its *.json files, found none");
  });
});
