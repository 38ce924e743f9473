/** What a supervisor answers on the admin ports: for all of its workers, by asking each of them. */

import type { PageSources } from "../admin/pages.ts";
import type { AdminHandler, AdminResponse } from "../admin/server.ts";
import { after } from "../config/clock.ts";
import { dial } from "../net/listen.ts";
import { mergeExpositions } from "../telemetry/merge.ts";
import { ask } from "../upstream/ask.ts";
import type { Ports } from "./worker.ts";

const ASK_MS = 5_000;
const MAX_PAGE = 64 * 1024 * 1024;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A worker as the pages see it. */
export interface AskedPlace {
  /** Of its listeners; undefined until it listens. */
  readonly ports: Ports | undefined;
}

export function createPages(
  places: readonly AskedPlace[],
  appMetrics: PageSources["appMetrics"],
  quit: () => void,
): Record<"all" | "readiness" | "metrics", AdminHandler> {
  const askWorker = async (place: AskedPlace, name: "admin" | "metrics", method: string, path: string) => {
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
