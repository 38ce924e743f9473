/**
 * Loads between two pods: the tools and the backend are this machine's, put into the network of the client's and the server's
 * pod, so that they cost the same with the mesh and without, and little.
 */
import { readFileSync } from "node:fs";
import { eventually } from "../../../test/support/e2e.ts";
import { foundIn, openLoopCommand } from "../loads/generated.ts";
import type { Found } from "../loads/load.ts";
import { wrkCommand, wrkFound } from "../loads/wrk.ts";
import { nginxCommand } from "../peers/nginx.ts";
import { type Command, LOAD_CORE, runLoad, type Started, start } from "../processes.ts";
import { cpuMicros, podsOf, processIn } from "./containers.ts";
import { clusterAddress, LOAD_PORT } from "./scene.ts";

export interface Pair {
  readonly address: string;
  readonly client: number;
  readonly server: number;
  /** Processes of the sidecars; none without the mesh. */
  readonly sidecars: readonly number[];
}

export async function pairIn(namespace: string, meshed: boolean): Promise<Pair> {
  const [client] = await podsOf(namespace, "client");
  const [server] = await podsOf(namespace, "server");
  if (client === undefined || server === undefined)
    throw new Error(`${namespace}: no pod of client or server`);
  return {
    address: await clusterAddress(namespace),
    client: processIn(client, "app"),
    server: processIn(server, "app"),
    sidecars: meshed ? [client, server].map((pod) => processIn(pod, "istio-proxy")) : [],
  };
}

const inNetworkOf = (pid: number, argv: readonly string[]) => ["nsenter", "-t", String(pid), "-n", ...argv];

/** The backend in the server's pod; resolves when it listens. */
export async function startBackend(pair: Pair, folder: string, name: string): Promise<Started> {
  const http = `server { listen ${LOAD_PORT}; location / { return 200 "${"x".repeat(66)}"; } }`;
  const command: Command = { argv: inNetworkOf(pair.server, nginxCommand(folder, name, { http })) };
  const backend = await start(name, command, LOAD_CORE);
  await eventually(`${name} listens`, async () => {
    backend.assertRunning();
    return listensIn(pair.server, LOAD_PORT);
  });
  return backend;
}

/** Whether anything listens on a port in the network of a process (proc_net(5): state 0A is LISTEN). */
function listensIn(pid: number, port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const table = readFileSync(`/proc/${pid}/net/tcp`, "utf8");
  return table.split("\n").some((line) => {
    const [, address, , state] = line.trim().split(/\s+/);
    return address?.endsWith(local) === true && state === "0A";
  });
}

/** As fast as it goes on 16 connections; with the CPU that the sidecars took for each request, in µs. */
export async function throughput(
  pair: Pair,
  folder: string,
  seconds: number,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  const before = pair.sidecars.map(cpuMicros);
  const argv = wrkCommand(folder, { host: pair.address, port: LOAD_PORT }, "/", { connections: 16 }, seconds);
  const found = wrkFound(await runLoad(inNetworkOf(pair.client, argv), (seconds + 20) * 1000));
  const spent = pair.sidecars.reduce((sum, pid, i) => sum + cpuMicros(pid) - (before[i] ?? 0), 0);
  return { rate: found.count / found.seconds, cpu: spent / found.count };
}

/** 1,000 requests a second on 8 connections, whatever the answers do. */
export async function steady(pair: Pair, seconds: number): Promise<Found> {
  const argv = openLoopCommand(
    { host: pair.address, port: LOAD_PORT },
    "/",
    { rate: 1000, connections: 8 },
    seconds,
  );
  return foundIn(await runLoad(inNetworkOf(pair.client, argv), (seconds + 30) * 1000));
}
