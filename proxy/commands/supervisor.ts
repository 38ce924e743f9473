/**
 * `concurrency: N`: N processes that share their listeners' ports (SO_REUSEPORT), and this one, which starts them, starts the dead
 * anew, and answers on the admin ports for all of them. No traffic passes here, and no key: each worker asks for a certificate of
 * its own, and watches its configuration itself.
 */
import type { PageSources } from "../admin/pages.ts";
import { type AdminHandler, type AdminResponse, createAdmin } from "../admin/server.ts";
import type { Log } from "../config/log.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import { dial, type Listener, type ListenOptions, listen } from "../net/listen.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { type Child, spawnWorker } from "../net/workers.ts";
import { mergeExpositions } from "../telemetry/merge.ts";
import { ask } from "../upstream/ask.ts";
import { WORKER_PORTS } from "./worker.ts";

export interface SupervisorOptions {
  readonly count: number;
  /** Of this executable, for each worker. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly admin: {
    readonly all?: ListenOptions | undefined;
    readonly readiness?: ListenOptions | undefined;
    readonly metrics?: ListenOptions | undefined;
  };
  readonly appMetrics: PageSources["appMetrics"];
  readonly log: Log;
}

const ASK_MS = 5_000;
const MAX_PAGE = 64 * 1024 * 1024;
/** A worker that dies again and again is started ever more slowly, up to this; in ms. */
const LONGEST_PAUSE_MS = 5_000;
const FIRST_PAUSE_MS = 50;
/** One that lived as long has not died again and again. */
const SETTLED_MS = 10_000;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One worker's place, whoever fills it. */
interface Place {
  child: Child | undefined;
  /** Of its listeners; undefined until it listens. */
  ports: Readonly<Record<string, number>> | undefined;
  startedAt: number;
  pauseMs: number;
}

const after = (ms: number, act: () => void) => {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
};

/** Runs the workers until `ended` resolves, and then until they have drained; resolves with the exit code. */
export async function supervise(
  options: SupervisorOptions,
  ended: Promise<string>,
  quit: () => void,
): Promise<number> {
  const { log, count } = options;
  const places: Place[] = Array.from({ length: count }, () => ({
    child: undefined,
    ports: undefined,
    startedAt: 0,
    pauseMs: FIRST_PAUSE_MS,
  }));
  let shared: Readonly<Record<string, number>> = {};
  let ending = false;
  let failed: (error: Error) => void = () => {};

  const start = (place: Place): Promise<void> =>
    new Promise((listening) => {
      place.startedAt = performance.now();
      const env = { ...options.env, [WORKER_PORTS]: JSON.stringify(shared) };
      place.child = spawnWorker(options.command, env, {
        said(message) {
          place.ports = message as Record<string, number>;
          listening();
        },
        ended(code) {
          const lived = performance.now() - place.startedAt;
          const first = place.ports === undefined && Object.keys(shared).length === 0;
          place.child = undefined;
          place.ports = undefined;
          if (ending) return;
          // A folder or environment that no worker can start with: there is nothing to try again.
          if (first) return failed(new Error(`the first worker ended with ${code}`));
          place.pauseMs = lived > SETTLED_MS ? FIRST_PAUSE_MS : Math.min(place.pauseMs * 2, LONGEST_PAUSE_MS);
          log("error", "a worker ended; another takes its place", { code, inMs: place.pauseMs });
          after(place.pauseMs, () => ending || void start(place));
        },
      });
    });

  const broken = new Promise<never>((_, reject) => {
    failed = reject;
  });
  const [first, ...others] = places as [Place, ...Place[]];
  await Promise.race([start(first), broken]);
  shared = dataPorts(first.ports ?? {});
  await Promise.all(others.map(start));

  const wheel = new TimerWheel({ now: () => performance.now(), after }, 100);
  const writer = new HeadWriter();
  const listeners: Listener[] = [];
  const ports: Record<string, number> = { ...shared };
  const pages = createPages(places, options, quit);
  for (const [name, where] of Object.entries({
    admin: "all",
    readiness: "readiness",
    metrics: "metrics",
  } as const)) {
    const address = options.admin[where];
    if (address === undefined) continue;
    const listener = listen(address, createAdmin(pages[where], { wheel, writer, refused: () => {} }));
    listeners.push(listener);
    ports[name] = listener.port;
  }
  log("info", "listening", { workers: count, ports });

  const reason = await ended;
  ending = true;
  log("info", "draining", { reason, workers: count });
  const codes = await Promise.all(places.map(({ child }) => child?.stop() ?? 0));
  for (const listener of listeners) listener.stop();
  wheel.close();
  log("info", "ended", { reason });
  return codes.every((code) => code === 0) ? 0 : 1;
}

/** What all workers share: not their own admin ports. */
function dataPorts(ports: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).filter(([name]) => name !== "admin" && name !== "metrics"));
}

function createPages(
  places: readonly Place[],
  { appMetrics }: SupervisorOptions,
  quit: () => void,
): Record<"all" | "readiness" | "metrics", AdminHandler> {
  const askWorker = async (place: Place, name: "admin" | "metrics", method: string, path: string) => {
    const port = place.ports?.[name];
    if (port === undefined) throw new Error("a worker is starting");
    return await ask({
      connect: (events) => dial("127.0.0.1", port, events),
      method,
      path,
      headers: [["host", "127.0.0.1"]],
      timeoutMs: ASK_MS,
      maxBytes: MAX_PAGE,
      after,
    });
  };
  const forwarded = async (method: string, path: string): Promise<AdminResponse> => {
    const place = places.find(({ ports }) => ports !== undefined);
    if (place === undefined) return { status: 503, body: "no worker is running\n" };
    const { status, body, contentType } = await askWorker(place, "admin", method, path);
    return { status, body: body.toString("utf8"), ...(contentType === "" ? {} : { contentType }) };
  };
  /** Ready when every worker is: the kernel gives each its share of the connections. */
  const readiness = async (): Promise<AdminResponse> => {
    try {
      for (const place of places) {
        const { status, body } = await askWorker(place, "admin", "GET", "/healthz/ready");
        if (status !== 200) return { status, body: body.toString("utf8") };
      }
      return { status: 200, body: "" };
    } catch (error) {
      return { status: 503, body: `${String(error)}\n` };
    }
  };
  /** Of the workers that run; one that is starting has counted nothing yet. */
  const own = async (): Promise<string> => {
    const running = places.filter(({ ports }) => ports !== undefined);
    const answers = await Promise.all(
      running.map((place) => askWorker(place, "metrics", "GET", "/stats/prometheus")),
    );
    return mergeExpositions(answers.map(({ body }) => body.toString("utf8")));
  };
  const metrics = async (application: string): Promise<AdminResponse> => ({
    status: 200,
    body: (await own()) + application,
    contentType: METRICS_TYPE,
  });
  const fromApplication = async (): Promise<string> => {
    if (appMetrics === undefined) return "";
    try {
      return await appMetrics();
    } catch (error) {
      return `# the application's metrics: ${String(error).replaceAll("\n", " ")}\n`;
    }
  };
  const notFound: AdminResponse = { status: 404, body: "not here\n" };
  return {
    readiness: ({ path }) => (path === "/healthz/ready" ? readiness() : notFound),
    metrics: ({ path }) => (path === "/stats/prometheus" ? metrics("") : notFound),
    async all({ path, method, local }) {
      if (path === "/healthz/ready") return await readiness();
      if (path === "/stats/prometheus") return await metrics(await fromApplication());
      if (path !== "/drain" && path !== "/quitquitquit") return await forwarded(method, path);
      if (method !== "POST") return { status: 405, body: "expected POST\n" };
      if (!local) return { status: 403, body: "only from within the pod\n" };
      if (path === "/quitquitquit") {
        quit();
        return { status: 200, body: "ending\n" };
      }
      await Promise.all(places.map((place) => askWorker(place, "admin", "POST", "/drain")));
      return { status: 200, body: "draining: no new connections, responses close theirs\n" };
    },
  };
}
