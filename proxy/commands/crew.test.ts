import { describe, expect, it } from "vitest";
import type { ChildEvents } from "../net/workers.ts";
import { Crew } from "./crew.ts";
import { WORKER_FILE, WORKER_PORTS, type WorkerOrder, type WorkerReport } from "./worker.ts";

/** A worker as a supervisor sees it, answered for by hand. */
interface FakeWorker {
  readonly env: Readonly<Record<string, string>>;
  readonly orders: WorkerOrder[];
  say(report: WorkerReport): void;
  end(code: number): void;
}

function setUp(count: number, file: string | undefined = "first") {
  const workers: FakeWorker[] = [];
  const waiting: { readonly ms: number; readonly act: () => void }[] = [];
  const logged: string[] = [];
  const crew = new Crew(count, file, {
    spawn(env, events: ChildEvents) {
      const orders: WorkerOrder[] = [];
      workers.push({ env, orders, say: (report) => events.said(report), end: (code) => events.ended(code) });
      return {
        tell: (message) => void orders.push(message as WorkerOrder),
        stop: async () => {
          events.ended(0);
          return 0;
        },
      };
    },
    now: () => 0,
    after: (ms, act) => void waiting.push({ ms, act }),
    log: (_level, message) => void logged.push(message),
  });
  const worker = (at: number): FakeWorker => {
    const found = workers[at];
    if (found === undefined) throw new Error(`${workers.length} workers were started`);
    return found;
  };
  return { crew, workers, worker, waiting, logged };
}

const listens = (outbound: number): WorkerReport => ({ kind: "listens", ports: { outbound, admin: 9 } });
const obeyed = (outbound: number): WorkerReport => ({ kind: "obeyed", ports: { outbound, admin: 9 } });
/** Lets promises that wait for nothing resolve. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function started(count: number) {
  const all = setUp(count);
  const starting = all.crew.start();
  all.worker(0).say(listens(40_001));
  await settle();
  for (let at = 1; at < count; at++) all.worker(at).say(listens(40_001));
  await starting;
  return all;
}

describe("a crew", () => {
  it("shares the ports that the first has got, and the file", async () => {
    const { crew, worker } = await started(3);
    expect(worker(0).env).toEqual({ [WORKER_PORTS]: "{}", [WORKER_FILE]: "first" });
    expect(worker(2).env).toEqual({ [WORKER_PORTS]: '{"outbound":40001}', [WORKER_FILE]: "first" });
    expect(crew.ports).toEqual({ outbound: 40_001 });
  });

  it("does not start when its first worker cannot", async () => {
    const { crew, worker } = setUp(2);
    const starting = crew.start();
    worker(0).end(1);
    await expect(starting).rejects.toThrow("the first worker ended with 1");
  });

  it("has one take another file first, and the others with its ports", async () => {
    const { crew, worker } = await started(2);
    const changing = crew.change("second");
    await settle();
    expect([worker(0).orders, worker(1).orders]).toEqual([[{ file: "second", ports: {} }], []]);
    worker(0).say(obeyed(40_002));
    await settle();
    expect(worker(1).orders).toEqual([{ file: "second", ports: { outbound: 40_002 } }]);
    worker(1).say(obeyed(40_002));
    await changing;
    expect(crew.ports).toEqual({ outbound: 40_002 });
    expect(worker(0).orders).toHaveLength(1);
  });

  it("keeps to its file when the first refuses another", async () => {
    const { crew, worker } = await started(2);
    const changing = crew.change("second");
    await settle();
    worker(0).say({ kind: "refused", reason: "admin: cannot listen" });
    await expect(changing).rejects.toThrow("admin: cannot listen");
    expect(worker(1).orders).toEqual([]);
    expect(crew.ports).toEqual({ outbound: 40_001 });
  });

  it("keeps to its file when the first dies over another", async () => {
    const { crew, worker, waiting } = await started(2);
    const changing = crew.change("second");
    await settle();
    worker(0).end(139);
    await expect(changing).rejects.toThrow("a worker ended with 139 over it");
    waiting[0]?.act();
    expect(worker(2).env[WORKER_FILE]).toBe("first");
  });

  it("starts anew who refuses what another took", async () => {
    const { crew, worker, waiting, logged } = await started(2);
    const changing = crew.change("second");
    await settle();
    worker(0).say(obeyed(40_002));
    await settle();
    worker(1).say({ kind: "refused", reason: "no" });
    await changing;
    expect(logged.join()).toContain("a worker does not take what another took");
    waiting[0]?.act();
    expect(worker(2).env).toEqual({ [WORKER_PORTS]: '{"outbound":40002}', [WORKER_FILE]: "second" });
  });

  it("tells one that was starting meanwhile", async () => {
    const { crew, worker, waiting } = await started(2);
    worker(1).end(1);
    waiting[0]?.act();
    const changing = crew.change("second");
    await settle();
    worker(0).say(obeyed(40_002));
    await changing;
    worker(2).say(listens(40_001));
    await settle();
    expect(worker(2).orders).toEqual([{ file: "second", ports: { outbound: 40_002 } }]);
  });

  it("starts the dead anew, ever more slowly, and nobody once it ends", async () => {
    const { crew, worker, workers, waiting } = await started(2);
    worker(1).end(1);
    waiting[0]?.act();
    worker(2).end(1);
    expect(waiting.map(({ ms }) => ms)).toEqual([100, 200]);
    await crew.stop();
    waiting[1]?.act();
    expect(workers).toHaveLength(3);
  });
});
