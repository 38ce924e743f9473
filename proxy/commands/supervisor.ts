/**
 * `concurrency: N`: N processes that share their listeners' ports (SO_REUSEPORT), and this one, which starts them, starts the dead
 * anew, and answers on the admin ports for all of them. No traffic passes here, and no key: each worker asks for a certificate of
 * its own, and watches its configuration itself. Only where to listen it tells them, so that all listen at the same ports.
 */

import type { PageSources } from "../admin/pages.ts";
import { createAdmin } from "../admin/server.ts";
import { after } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import { listen } from "../net/listen.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import { spawnWorker } from "../net/workers.ts";
import { Crew } from "./crew.ts";
import { type AdminLayout, Listeners, type Wanted } from "./listeners.ts";
import { createPages } from "./supervisor-pages.ts";

export interface SupervisorOptions {
  readonly count: number;
  /** Of this executable, for each worker. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly admin: AdminLayout;
  /** The `proxy.json` of one that runs from a folder. */
  readonly file: SupervisedFile | undefined;
  readonly appMetrics: PageSources["appMetrics"];
  readonly log: Log;
}

export interface SupervisedFile {
  readonly text: string;
  readonly admin: AdminLayout;
  /** Calls with each change of the file; returns a function that ends that. What is thrown is logged. */
  follow(take: (text: string, admin: AdminLayout) => Promise<void>): () => void;
}

/** Runs the workers until `ended` resolves, and then until they have drained; resolves with the exit code. */
export async function supervise(
  options: SupervisorOptions,
  ended: Promise<string>,
  quit: () => void,
): Promise<number> {
  const { log, count, file } = options;
  const now = () => performance.now();
  const crew = new Crew(count, file?.text, {
    spawn: (env, events) => spawnWorker(options.command, { ...options.env, ...env }, events),
    now,
    after,
    log,
  });
  const wheel = new TimerWheel({ now, after }, 100);
  const adminOptions = { wheel, writer: new HeadWriter(), refused: () => {} };
  const pages = createPages(crew.places, options.appMetrics, quit);
  const accepts = {
    all: createAdmin(pages.all, adminOptions),
    readiness: createAdmin(pages.readiness, adminOptions),
    metrics: createAdmin(pages.metrics, adminOptions),
  };
  const listeners = new Listeners(listen);
  const wantedOf = (admin: AdminLayout): Wanted[] =>
    (["all", "readiness", "metrics"] as const).flatMap((page) => {
      const where = admin[page];
      const name = page === "all" ? "admin" : page;
      return where === undefined ? [] : [{ ...where, name, accept: accepts[page] }];
    });
  const ports = () => ({ ...crew.ports, ...listeners.ports });
  // Before the workers: an address in use is told at once. Until they run, readiness is 503.
  listeners.prepare(wantedOf(options.admin)).commit();
  await crew.start();
  log("info", "listening", { workers: count, ports: ports() });

  const unfollow = file?.follow(async (text, admin) => {
    const own = listeners.prepare(wantedOf(admin));
    try {
      await crew.change(text);
    } catch (error) {
      own.abandon();
      throw error;
    }
    own.commit();
    log("info", "another proxy.json is in force", { workers: count, ports: ports() });
  });

  const reason = await ended;
  unfollow?.();
  log("info", "draining", { reason, workers: count });
  const codes = await crew.stop();
  listeners.stop(() => true);
  wheel.close();
  log("info", "ended", { reason });
  return codes.every((code) => code === 0) ? 0 : 1;
}
