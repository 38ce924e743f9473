import { newAgent, once, versionOf } from "./call.ts";
import { headers, milliseconds, option, parseOptions } from "./options.ts";

/** Asks again and again until the answer has the wanted version, and prints when that was, in epoch milliseconds. */
export async function watchCommand(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const until = option(options, "until", "");
  const wanted = /^version=(.+)$/.exec(until)?.[1];
  if (wanted === undefined) throw new Error(`found --until "${until}"; expected version=NAME`);
  const interval = milliseconds(option(options, "interval", "2ms"));
  const timeout = milliseconds(option(options, "timeout", "10s"));
  const call = {
    url: option(options, "url", ""),
    method: "GET",
    headers: headers(options.get("header") ?? []),
    timeoutMs: timeout,
    keepalive: true,
    concurrency: 1,
    count: 1,
    rate: 0,
  };
  const agent = newAgent(call);
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    try {
      const answer = await once(call, agent);
      if (versionOf(answer.body) === wanted) {
        console.log((performance.timeOrigin + performance.now()).toFixed(3));
        agent.destroy();
        return 0;
      }
    } catch {
      // not served at this moment: what is asked is when it will be
    }
    await new Promise((wake) => setTimeout(wake, interval));
  }
  agent.destroy();
  console.error(`app watch: ${call.url} did not answer with ${until} within ${timeout} ms`);
  return 1;
}
