import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { annotations } from "../../webhook/inject/annotations.ts";
import { nftRuleset } from "../../webhook/inject/nft.ts";
import { type Redirection, redirectAll, redirectionOf } from "../../webhook/inject/redirection.ts";
import { Report } from "../../webhook/report.ts";

/**
 * The injected ruleset in the kernel: a network namespace as the pod, another as its peer, a link between them.
 * Needs root, and the Debian packages nftables, iproute2 and util-linux.
 */
const run = promisify(execFile);

/** Answers every connection with the name of who took it: the port, or "peer". */
const server = `
  const { createServer } = require("node:net");
  const [name, ...ports] = process.argv.slice(1);
  let left = ports.length;
  for (const port of ports) {
    createServer((socket) => socket.on("error", () => {}).end(name === "pod" ? port : name))
      .listen(Number(port), "::", () => { if (--left === 0) console.log("ready"); });
  }
`;

class Namespace {
  readonly #process: ChildProcess;

  constructor(name: string, ports: readonly number[]) {
    this.#process = spawn("unshare", ["--net", process.execPath, "-e", server, name, ...ports.map(String)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  async ready(): Promise<void> {
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the server has no output");
    const ended = once(this.#process, "exit").then(([code]) => {
      throw new Error(`unshare --net ended with ${code}: this test needs root`);
    });
    await Promise.race([once(stdout, "data"), ended]);
  }

  get pid(): string {
    return String(this.#process.pid);
  }

  /** Runs a command inside; resolves to its output. */
  async exec(...command: string[]): Promise<string> {
    const { stdout } = await run("nsenter", ["--target", this.pid, "--net", ...command], { timeout: 5_000 });
    return stdout;
  }

  async apply(redirection: Redirection): Promise<void> {
    await this.exec("nft", nftRuleset(redirection));
  }

  /** Who answers a connection made from here by a user. */
  async dial(address: string, port: number, uid = 1_000): Promise<string> {
    const script = `exec 3<>/dev/tcp/${address}/${port} && cat <&3`;
    return this.exec("setpriv", `--reuid=${uid}`, "--clear-groups", "bash", "-c", script);
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

const podPorts = [15_001, 15_006, 15_008, 15_020, 15_021, 15_090, 8_080, 9_100];
const [podAddress, peerAddress] = ["198.18.7.1", "198.18.7.2"];
const [podAddress6, peerAddress6] = ["fd00:7::1", "fd00:7::2"];

let pod: Namespace;
let peer: Namespace;

beforeAll(async () => {
  pod = new Namespace("pod", podPorts);
  peer = new Namespace("peer", [80, 3_306]);
  await Promise.all([pod.ready(), peer.ready()]);
  await pod.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", peer.pid);
  for (const [namespace, v4, v6] of [
    [pod, podAddress, podAddress6],
    [peer, peerAddress, peerAddress6],
  ] as const) {
    await namespace.exec("ip", "link", "set", "lo", "up");
    await namespace.exec("ip", "address", "add", `${v4}/24`, "dev", "eth0");
    await namespace.exec("ip", "address", "add", `${v6}/64`, "dev", "eth0", "nodad");
    await namespace.exec("ip", "link", "set", "eth0", "up");
  }
});

afterAll(async () => {
  await Promise.all([pod?.close(), peer?.close()]);
});

describe("with everything redirected", () => {
  beforeAll(() => pod.apply(redirectAll));

  test.each([peerAddress, peerAddress6])(
    "the application's connection to %s comes to the proxy",
    async (address) => {
      expect(await pod.dial(address, 80)).toBe("15001");
    },
  );

  test.each([peerAddress, peerAddress6])("the proxy's own connection to %s goes through", async (address) => {
    expect(await pod.dial(address, 80, 1_337)).toBe("peer");
  });

  test.each(["127.0.0.1", "::1", podAddress, podAddress6])(
    "the application reaches itself at %s without the proxy",
    async (address) => expect(await pod.dial(address, 8_080)).toBe("8080"),
  );

  test.each([podAddress, podAddress6])("a peer's connection to %s comes to the proxy", async (address) => {
    expect(await peer.dial(address, 8_080)).toBe("15006");
  });

  test.each([15_008, 15_020, 15_021, 15_090])("a peer reaches the proxy's port %i as it is", async (port) => {
    expect(await peer.dial(podAddress, port)).toBe(String(port));
  });

  test("the init step can run again, and ends in the same rules", async () => {
    const before = await pod.exec("nft", "list", "table", "inet", "weft");
    await pod.apply(redirectAll);
    expect(await pod.exec("nft", "list", "table", "inet", "weft")).toBe(before);
    expect(await pod.dial(peerAddress, 80)).toBe("15001");
  });
});

describe("with exceptions", () => {
  test.each<{ what: string; rules: Partial<Redirection>; port: number; answer: string }>([
    { what: "an excluded port", rules: { excludeOutboundPorts: [3_306] }, port: 3_306, answer: "peer" },
    {
      what: "a port beside the excluded one",
      rules: { excludeOutboundPorts: [3_306] },
      port: 80,
      answer: "15001",
    },
    {
      what: "an excluded range",
      rules: { excludeOutboundRanges: ["198.18.7.0/24"] },
      port: 80,
      answer: "peer",
    },
    { what: "an excluded interface", rules: { excludeInterfaces: ["eth0"] }, port: 80, answer: "peer" },
    { what: "no included range", rules: { includeOutboundRanges: [] }, port: 80, answer: "peer" },
    {
      what: "an included range",
      rules: { includeOutboundRanges: ["198.18.7.2"] },
      port: 80,
      answer: "15001",
    },
    {
      what: "an included port outside of the included ranges",
      rules: { includeOutboundRanges: ["192.0.2.0/24"], includeOutboundPorts: [80] },
      port: 80,
      answer: "15001",
    },
  ])("outbound, $what: $answer answers", async ({ rules, port, answer }) => {
    await pod.apply({ ...redirectAll, ...rules });
    expect(await pod.dial(peerAddress, port)).toBe(answer);
  });

  test.each<{ what: string; rules: Partial<Redirection>; port: number; answer: string }>([
    { what: "an excluded port", rules: { excludeInboundPorts: [9_100] }, port: 9_100, answer: "9100" },
    {
      what: "a port that is not included",
      rules: { includeInboundPorts: [8_080] },
      port: 9_100,
      answer: "9100",
    },
    { what: "an included port", rules: { includeInboundPorts: [8_080] }, port: 8_080, answer: "15006" },
    { what: "no port included", rules: { includeInboundPorts: [] }, port: 8_080, answer: "8080" },
    { what: "an excluded interface", rules: { excludeInterfaces: ["eth0"] }, port: 8_080, answer: "8080" },
  ])("inbound, $what: $answer answers", async ({ rules, port, answer }) => {
    await pod.apply({ ...redirectAll, ...rules });
    expect(await peer.dial(podAddress, port)).toBe(answer);
  });
});

test("nft takes the ruleset of whatever the annotations may ask for", async () => {
  const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 20 });
  const v4 = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([address, bits]) => `${address}/${bits}`);
  const v6 = fc
    .tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }))
    .map(([address, bits]) => `${address}/${bits}`);
  const ranges = fc.uniqueArray(fc.oneof(v4, v6, fc.ipV4(), fc.ipV6()), { maxLength: 8 });
  const list = <T>(items: fc.Arbitrary<readonly T[]>) => items.map((values) => values.join(","));
  const given = fc.record(
    {
      [annotations.includeOutboundRanges]: fc.oneof(fc.constant("*"), list(ranges)),
      [annotations.excludeOutboundRanges]: list(ranges),
      [annotations.includeOutboundPorts]: list(ports),
      [annotations.excludeOutboundPorts]: list(ports),
      [annotations.includeInboundPorts]: fc.oneof(fc.constant("*"), list(ports)),
      [annotations.excludeInboundPorts]: list(ports),
      [annotations.excludeInterfaces]: list(
        fc.array(fc.stringMatching(/^[A-Za-z0-9._-]{1,15}$/), { maxLength: 4 }),
      ),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(given, async (texts) => {
      const report = new Report();
      const redirection = redirectionOf(texts, report);
      expect(report.errors).toEqual([]);
      await pod.exec("nft", "--check", nftRuleset(redirection));
    }),
    { numRuns: 40 },
  );
});
