/** gRPC's interoperability cases between grpc-go's client and server, through a client's and a server's proxy. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { TestClient } from "../../test/support/client.ts";
import { eventually } from "../../test/support/poll.ts";
import { ProxyPair } from "../../test/support/proxy-pair.ts";
import type { Suite } from "./result.ts";
import { listeningPort, run, tail } from "./run.ts";

const address = "127.0.6.2";
const timeoutMs = 30_000;

/** The cases that grpc-go runs itself; the others need Google's token servers, or more than one server. */
const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
];
/** The client reads load reports only when it balances by them. */
const serviceConfig = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}';

export const grpc: Suite = async function* ({ tools, verbose }) {
  const port = await freePort();
  const server = spawn(join(tools, "server"), ["--port", String(port)], {
    stdio: ["ignore", "ignore", verbose ? "inherit" : "ignore"],
  });
  try {
    await listening(port);
    await using pair = await ProxyPair.start({ address, application: port, protocol: "grpc" });
    for (const name of cases) {
      const args = [
        "--server_host=127.0.0.1",
        `--server_port=${pair.port}`,
        `--test_case=${name}`,
        `--service_config_json=${serviceConfig}`,
      ];
      const { code, output } = await run(join(tools, "client"), args, { timeoutMs, verbose });
      const detail = code === null ? `no end within ${timeoutMs} ms` : tail(output);
      yield { suite: "grpc", case: name, passed: code === 0, detail: code === 0 ? "" : detail };
    }
    // A proxy that carries bytes without reading them would pass them all.
    for (const [side, proxy] of [
      ["client", pair.client],
      ["server", pair.server],
    ] as const) {
      const requests = await proxy.metric("istio_requests_total", { request_protocol: "grpc" });
      const passed = requests >= cases.length;
      const detail = passed
        ? ""
        : `${requests} requests of gRPC in its metrics; expected ${cases.length} or more`;
      yield { suite: "grpc", case: `the ${side}'s proxy serves each request`, passed, detail };
    }
  } finally {
    await stop(server);
  }
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const port = listeningPort(server);
  server.close();
  return port;
}

async function listening(port: number): Promise<void> {
  await eventually(
    async () => {
      using client = await TestClient.open(port, address);
      return client.ended === "open";
    },
    10_000,
    () => `grpc-go's server on ${address}:${port}`,
  );
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
