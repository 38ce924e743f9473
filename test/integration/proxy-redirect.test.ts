import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  endpoint,
  endpointsObject,
  entry,
  indexObject,
  serviceObject,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { nftRuleset } from "../../webhook/inject/nft.ts";
import { redirectAll } from "../../webhook/inject/redirection.ts";
import { TestProxy } from "../support/proxy.ts";

/**
 * The proxy behind the injected ruleset: a network namespace as the pod with the proxy and an application, another as its
 * peer. What is proved: the proxy learns where a redirected connection wanted to go, over IPv4 and IPv6, both ways.
 * Needs root, and the Debian packages nftables, iproute2 and util-linux.
 */
const run = promisify(execFile);
const pod = { v4: "198.18.9.1", v6: "fd00:9::1" };
const peer = { v4: "198.18.9.2", v6: "fd00:9::2" };

/** HTTP servers that say who they are and what they were asked; on 3306 one that speaks first. */
const servers = `
  const { createServer } = require("node:http");
  const [name, ...ports] = process.argv.slice(1);
  let left = ports.length;
  const up = () => { if (--left === 0) console.log("ready"); };
  for (const port of ports) {
    if (port === "3306") require("node:net").createServer((socket) => {
      socket.on("error", () => {}).write("greetings");
      socket.on("data", (data) => socket.end("you said " + data));
    }).listen(3306, "::", up);
    else createServer((request, response) => {
      response.end([name, port, request.headers.host, request.headers["x-request-id"] ? "meshed" : "bare"].join(" "));
    }).listen(Number(port), "::", up);
  }
`;

const processes: ChildProcess[] = [];
let proxy: TestProxy;

async function namespace(name: string, ports: readonly number[]): Promise<string> {
  const child = spawn("unshare", ["--net", process.execPath, "-e", servers, name, ...ports.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`unshare --net ended with ${code}: this test needs root`);
  });
  await Promise.race([once(child.stdout, "data"), ended]);
  return String(child.pid);
}

async function inside(pid: string, ...command: string[]): Promise<string> {
  const { stdout } = await run("nsenter", ["--target", pid, "--net", ...command], { timeout: 10_000 });
  return stdout;
}

/** An HTTP request as the user `uid` of the namespace; resolves with the body. */
function get(pid: string, url: string, uid = 1_000, ...more: string[]): Promise<string> {
  return inside(pid, "setpriv", `--reuid=${uid}`, "--clear-groups", "curl", "-sS", "-m", "8", ...more, url);
}

let podPid: string;
let peerPid: string;

beforeAll(async () => {
  podPid = await namespace("pod", [8080, 8081]);
  peerPid = await namespace("peer", [80, 8080, 3306]);
  await inside(podPid, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", peerPid);
  for (const [pid, own, other] of [
    [podPid, pod, peer],
    [peerPid, peer, pod],
  ] as const) {
    await inside(pid, "ip", "link", "set", "lo", "up");
    await inside(pid, "ip", "address", "add", `${own.v4}/24`, "dev", "eth0");
    await inside(pid, "ip", "address", "add", `${own.v6}/64`, "dev", "eth0", "nodad");
    await inside(pid, "ip", "link", "set", "eth0", "up");
    await inside(pid, "ip", "route", "add", "default", "via", other.v4);
    await inside(pid, "ip", "-6", "route", "add", "default", "via", other.v6);
  }
  await inside(podPid, "nft", nftRuleset(redirectAll));
  const two = [peer.v4, peer.v6].map((address) => endpoint(address, { ports: [{ port: 80, target: 8080 }] }));
  proxy = await TestProxy.start({
    wrapper: ["nsenter", "--target", podPid, "--net", "setpriv", "--reuid=1337", "--clear-groups"],
    prepare: (folder) => chmod(folder, 0o755),
    file: { outbound: [{ listen: "[::]:15001" }], inbound: [{ listen: "[::]:15006" }], admin: "[::]:15020" },
    objects: [
      indexObject("demo", [
        entry("demo", "web", { addresses: ["10.96.0.1", "fd00:96::1"] }),
        entry("demo", "headless", { headless: true, ports: [{ port: 8080, protocol: "http" }] }),
      ]),
      serviceObject("demo", "web"),
      endpointsObject("demo", "web", two),
      serviceObject("demo", "headless"),
      endpointsObject("demo", "headless", [endpoint(peer.v4, { ports: [{ port: 8080, target: 8080 }] })]),
      workloadObject("demo", "client", { ports: [{ port: 8081, protocol: "http", mtls: "STRICT" }] }),
    ],
  });
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  for (const each of processes) {
    each.kill("SIGKILL");
    if (each.exitCode === null && each.signalCode === null) await once(each, "exit");
  }
});

describe("behind the ruleset", () => {
  it.each(["10.96.0.1", "[fd00:96::1]"])(
    "a call to the service address %s goes to an endpoint",
    async (address) => {
      expect(await get(podPid, `http://${address}/`)).toBe(`peer 8080 ${address} meshed`);
    },
  );

  it.each([peer.v4, `[${peer.v6}]`])(
    "a call to %s, which no service has, goes where it was addressed",
    async (address) => {
      expect(await get(podPid, `http://${address}/`)).toBe(`peer 80 ${address} meshed`);
    },
  );

  it("a call to a pod of a headless service goes to that pod", async () => {
    const url = `http://${peer.v4}:8080/`;
    expect(await get(podPid, url, 1_000, "-H", "Host: headless.demo:8080")).toBe(
      "peer 8080 headless.demo:8080 meshed",
    );
  });

  it("a server that speaks first is heard at once", async () => {
    const script = `exec 3<>/dev/tcp/${peer.v4}/3306; read -t 2 -N 9 -u 3 said; echo -n "$said, "; echo -n hello >&3; cat <&3`;
    const began = performance.now();
    expect(await inside(podPid, "setpriv", "--reuid=1000", "--clear-groups", "bash", "-c", script)).toBe(
      "greetings, you said hello",
    );
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each([pod.v4, `[${pod.v6}]`])(
    "a peer's call to %s comes through the proxy to the application",
    async (address) => {
      expect(await get(peerPid, `http://${address}:8080/`)).toBe(`pod 8080 ${address}:8080 meshed`);
    },
  );

  it("a peer's plaintext call to a STRICT port is closed", async () => {
    await expect(get(peerPid, `http://${pod.v4}:8081/`)).rejects.toThrow(
      /reset|Empty reply|connect to server/,
    );
  });

  it.each([15_001, 15_006])("a peer gets nothing out of the listener on %i", async (port) => {
    await expect(get(peerPid, `http://${pod.v4}:${port}/`, 1_000, "-H", "Host: 10.96.0.1")).rejects.toThrow(
      /reset|Empty reply|connect to server/,
    );
  });

  it("the application that dials the listener itself is served by Host, and never in a circle", async () => {
    expect(await get(podPid, "http://127.0.0.1:15001/", 1_000, "-H", "Host: web.demo")).toBe(
      "peer 8080 web.demo meshed",
    );
    expect(await get(podPid, "http://127.0.0.1:15001/", 1_000, "-H", "Host: nobody.example")).toContain(
      "not redirected",
    );
  });
});
