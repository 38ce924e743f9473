/** A supervisor's workers: started one after the other, the dead anew, and all with the same `proxy.json`. */
import type { Log } from "../config/log.ts";
import type { Child, ChildEvents } from "../net/workers.ts";
import { type Ports, WORKER_FILE, WORKER_PORTS, type WorkerOrder, type WorkerReport } from "./worker.ts";

export interface CrewEffects {
  /** Starts a worker with these variables besides its own. */
  spawn(env: Readonly<Record<string, string>>, events: ChildEvents): Child;
  /** Ms. */
  now(): number;
  after(ms: number, act: () => void): void;
  readonly log: Log;
}

/** A worker that dies again and again is started ever more slowly, up to this; in ms. */
const LONGEST_PAUSE_MS = 5_000;
const FIRST_PAUSE_MS = 50;
/** One that lived as long has not died again and again. */
const SETTLED_MS = 10_000;

/** One worker's place, whoever fills it. */
interface Place {
  child: Child | undefined;
  /** Of its listeners; undefined until it listens. */
  ports: Ports | undefined;
  /** The `proxy.json` that it has been given. */
  file: string | undefined;
  /** Told of the answer to an order; undefined when it has none to obey. */
  answer: ((report: WorkerReport) => void) | undefined;
  /** The last order; one at a time. */
  ordered: Promise<unknown>;
  startedAt: number;
  pauseMs: number;
}

export class Crew {
  readonly places: readonly Place[];
  readonly #effects: CrewEffects;
  #file: string | undefined;
  #shared: Ports = {};
  #ending = false;

  constructor(count: number, file: string | undefined, effects: CrewEffects) {
    this.#file = file;
    this.#effects = effects;
    this.places = Array.from({ length: count }, () => ({
      child: undefined,
      ports: undefined,
      file: undefined,
      answer: undefined,
      ordered: Promise.resolve(),
      startedAt: 0,
      pauseMs: FIRST_PAUSE_MS,
    }));
  }

  /** The ports that all workers share. */
  get ports(): Ports {
    return this.#shared;
  }

  /** Resolves when all listen: the first chooses the ports. Rejects when it cannot. */
  async start(): Promise<void> {
    const [first, ...others] = this.places as [Place, ...Place[]];
    await new Promise<void>((resolve, reject) => this.#start(first, resolve, reject));
    this.#shared = dataPorts(first.ports ?? {});
    await Promise.all(others.map((place) => new Promise<void>((resolve) => this.#start(place, resolve))));
  }

  /**
   * Gives all of them another `proxy.json`, one first: what that one refuses, with an error that is thrown here, no other hears
   * of. Another that refuses it nevertheless ends, and one that starts with it takes its place.
   */
  async change(file: string): Promise<void> {
    const first = this.places.find(({ ports }) => ports !== undefined);
    if (first === undefined) throw new Error("no worker is running; it is tried again at the next change");
    // The ports are its to keep or to choose.
    const answer = await order(first, { file, ports: {} });
    if (answer.kind === "refused") throw new Error(answer.reason);
    this.#file = file;
    this.#shared = dataPorts(answer.ports);
    await Promise.all(this.places.map((place) => this.#update(place)));
  }

  /** Ends them all; resolves with their exit codes. */
  async stop(): Promise<number[]> {
    this.#ending = true;
    return await Promise.all(this.places.map(({ child }) => child?.stop() ?? 0));
  }

  #start(place: Place, listens: () => void, failed?: (error: Error) => void): void {
    const { spawn, now, after, log } = this.#effects;
    place.startedAt = now();
    place.file = this.#file;
    const env = {
      [WORKER_PORTS]: JSON.stringify(this.#shared),
      ...(this.#file === undefined ? {} : { [WORKER_FILE]: this.#file }),
    };
    place.child = spawn(env, {
      said: (message) => {
        const report = message as WorkerReport;
        if (report.kind !== "refused") place.ports = report.ports;
        if (report.kind !== "listens") return place.answer?.(report);
        listens();
        // The file may have become another while it started; not so while it obeys.
        if (place.answer === undefined) void this.#update(place);
      },
      ended: (code) => {
        const lived = now() - place.startedAt;
        const listened = place.ports !== undefined;
        place.child = undefined;
        place.ports = undefined;
        place.answer?.({ kind: "refused", reason: `a worker ended with ${code} over it` });
        if (this.#ending) return;
        // A folder or environment that no worker can start with: there is nothing to try again.
        if (failed !== undefined && !listened && Object.keys(this.#shared).length === 0)
          return failed(new Error(`the first worker ended with ${code}`));
        place.pauseMs = lived > SETTLED_MS ? FIRST_PAUSE_MS : Math.min(place.pauseMs * 2, LONGEST_PAUSE_MS);
        log("error", "a worker ended; another takes its place", { code, inMs: place.pauseMs });
        after(place.pauseMs, () => this.#ending || this.#start(place, listens));
      },
    });
  }

  async #update(place: Place): Promise<void> {
    const file = this.#file;
    if (file === undefined || place.file === file || place.ports === undefined) return;
    const answer = await order(place, { file, ports: this.#shared });
    if (answer.kind !== "refused") return;
    this.#effects.log("error", "a worker does not take what another took; it is started anew", {
      reason: answer.reason,
    });
    void place.child?.stop();
  }
}

/** Resolves with its answer. */
function order(place: Place, message: WorkerOrder): Promise<WorkerReport> {
  const obey = () =>
    new Promise<WorkerReport>((resolve) => {
      const { child, file } = place;
      if (child === undefined) return resolve({ kind: "refused", reason: "the worker has ended" });
      place.file = message.file;
      place.answer = (report) => {
        place.answer = undefined;
        if (report.kind === "refused") place.file = file;
        resolve(report);
      };
      child.tell(message);
    });
  const answer = place.ordered.then(obey);
  place.ordered = answer;
  return answer;
}

/** What all workers share: not their own admin ports. */
function dataPorts(ports: Ports): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).filter(([name]) => name !== "admin" && name !== "metrics"));
}
