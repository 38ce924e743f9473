/** h2spec against both sides of the proxy: an HTTP/2 server is what it looks like from either. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProxyPair } from "../../test/support/proxy-pair.ts";
import { casesIn } from "./junit.ts";
import type { CaseResult, Suite, SuiteOptions } from "./result.ts";
import { listeningPort, run, tail } from "./run.ts";

const address = "127.0.6.1";
/** Its 146 cases wait two seconds for some answers that must not come. */
const timeoutMs = 300_000;

export const h2spec: Suite = async function* (options) {
  const application = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end("hello"));
  });
  application.listen(0, address);
  await once(application, "listening");
  try {
    const port = listeningPort(application);
    await using pair = await ProxyPair.start({ address, application: port, protocol: "http2" });
    yield* against("inbound", pair.inboundPort, options);
    yield* against("outbound", pair.port, options);
  } finally {
    application.close();
  }
};

async function* against(side: string, port: number, options: SuiteOptions): AsyncGenerator<CaseResult> {
  const folder = await mkdtemp(join(tmpdir(), "weft-h2spec-"));
  try {
    const report = join(folder, "report.xml");
    const args = ["--strict", "--host", "127.0.0.1", "--port", String(port), "--junit-report", report];
    const { output } = await run(join(options.tools, "h2spec"), args, { timeoutMs, ...options });
    const text = await readFile(report, "utf8").catch(() => {
      throw new Error(`h2spec against the ${side} side ended without a report: ${tail(output)}`);
    });
    for (const { name, failure } of casesIn(text)) {
      yield { suite: "h2spec", case: `${side}: ${name}`, passed: failure === "", detail: failure };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
