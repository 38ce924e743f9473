import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { proxyFor } from "../support/web.ts";

const GET = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";

/** How nice a process's threads are, by their names: the 19th field of `/proc/PID/task/TID/stat`, the 17th behind the name. */
async function niceness(pid: number): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const id of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${id}/stat`, "latin1").catch(() => undefined);
    if (stat === undefined) continue;
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    found.set(name, [...(found.get(name) ?? []), Number(fields[16])]);
  }
  return found;
}

it("a proxy under load lets its runtime compile with what requests leave of the core", {
  timeout: 60_000,
}, async () => {
  await using app = await TestServer.start(application(() => ok("hello")));
  await using proxy = await proxyFor(app.port);
  using client = await TestClient.open(proxy.port("outbound"));
  let asked = 0;
  await eventually(async () => {
    for (let i = 0; i < 200; i++) await client.send(GET).responses(++asked);
    const compilers = (await niceness(proxy.pid)).get("JITWorker") ?? [];
    return compilers.length > 0 && compilers.every((nice) => nice === 10);
  }, 45_000);
  for (const [name, each] of await niceness(proxy.pid)) {
    if (name !== "JITWorker") expect(each, name).not.toContain(10);
  }
});
