import {
  type Client,
  type Clock,
  isNotFound,
  type Log,
  messageOf,
  type Resource,
  sleep,
} from "../kube/index.ts";

/** How often a missing kind is asked for: a mesh is often installed after control has started. */
const pollMs = 1_000;

interface GroupBody {
  versions?: { version?: string }[];
}
interface ResourceListBody {
  resources?: { name?: string; kind?: string; namespaced?: boolean }[];
}

/**
 * The kinds that an API group serves now, each at the first version that has it, in the server's order of preference.
 * Empty when the group is not there.
 */
export async function discoverGroup(
  client: Client,
  group: string,
  signal?: AbortSignal,
): Promise<Map<string, Resource>> {
  const read = async (path: string): Promise<unknown> => {
    try {
      return (await client.request("GET", path, { signal })).body;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const served = new Map<string, Resource>();
  const body = (await read(`/apis/${group}`)) as GroupBody | undefined;
  for (const { version } of body?.versions ?? []) {
    if (version === undefined) continue;
    const list = (await read(`/apis/${group}/${version}`)) as ResourceListBody | undefined;
    for (const { name = "", kind = "", namespaced = true } of list?.resources ?? []) {
      if (!name.includes("/") && !served.has(name)) {
        served.set(name, { group, version, plural: name, kind, namespaced });
      }
    }
  }
  return served;
}

/**
 * Looks for kinds of one group until all are served or the signal aborts, and hands over each as it appears.
 * Resolves after the first answer: from then on, what is missing is known to be missing.
 */
export function followGroup(options: {
  client: Client;
  group: string;
  plurals: readonly string[];
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  onServed: (resource: Resource) => void;
}): Promise<void> {
  const { client, group, clock, log, signal } = options;
  const missing = new Set(options.plurals);
  const look = async (): Promise<boolean> => {
    try {
      const served = await discoverGroup(client, group, signal);
      for (const plural of [...missing]) {
        const resource = served.get(plural);
        if (resource === undefined) continue;
        missing.delete(plural);
        options.onServed(resource);
      }
      return true;
    } catch (error) {
      if (!signal.aborted) log.warn("an API group cannot be discovered", { group, error: messageOf(error) });
      return false;
    }
  };
  return new Promise((resolve) => {
    const run = async () => {
      let answered = false;
      while (!signal.aborted) {
        if (await look()) {
          if (!answered && missing.size > 0)
            log.info("kinds are not served yet", { group, missing: [...missing] });
          answered = true;
          resolve();
        }
        if (missing.size === 0) break;
        await sleep(clock, pollMs, signal);
      }
      resolve();
    };
    void run();
  });
}
