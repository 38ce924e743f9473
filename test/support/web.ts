/** The scene of most tests: the workload `client` calls the service `web`, at 10.0.0.1, through a proxy of its own. */
import type { ServicePart } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import {
  type CompiledJson,
  endpoint,
  endpointsObject,
  entry,
  indexObject,
  serviceObject,
  workloadObject,
} from "../../proxy/config/testdata.ts";
import { TestProxy } from "./proxy.ts";

type Endpoint = ReturnType<typeof endpoint>;

/** A `proxy.json` whose listeners `outbound`, `outbound1`, … take calls to these ports of `web`. */
export function callsTo(...ports: readonly number[]) {
  return {
    outbound: ports.map((port) => ({ listen: "127.0.0.1:0", destination: `10.0.0.1:${port}` })),
    admin: "127.0.0.1:0",
  };
}

/** One for calls to port 80. */
export const CALLS_WEB = callsTo(80);

/** One on the other side, whose listener `inbound` takes what is for an application of this machine. */
export function inFrontOf(port: number, address = "127.0.0.1") {
  return {
    inbound: [{ listen: "127.0.0.1:0", destination: `${address}:${port}` }],
    admin: "127.0.0.1:0",
  };
}

/** The endpoint of `web` whose port 80 is a server of this machine. */
export function webAt(target: number, fields: Partial<Endpoint> = {}): Endpoint {
  return endpoint("127.0.0.1", { ports: [{ port: 80, target }], ...fields });
}

export interface WebOptions {
  /** HTTP on port 80 unless the test is about others. */
  readonly ports?: ReturnType<typeof entry>["ports"];
  /** Routes and policies. */
  readonly service?: Partial<ServicePart>;
  /** What the proxy is told of its own workload. */
  readonly client?: Partial<WorkloadConfigStatus>;
}

/** All that the client's proxy is configured with when `web` has these endpoints. */
export function webObjects(
  endpoints: Endpoint[],
  { ports, service, client }: WebOptions = {},
): CompiledJson[] {
  return [
    indexObject("demo", [
      entry("demo", "web", { addresses: ["10.0.0.1"], ...(ports === undefined ? {} : { ports }) }),
    ]),
    serviceObject("demo", "web", service),
    endpointsObject("demo", "web", endpoints),
    workloadObject("demo", "client", client),
  ];
}

/** A proxy in front of one application. */
export function proxyFor(port: number): Promise<TestProxy> {
  return TestProxy.start({ file: CALLS_WEB, objects: webObjects([webAt(port)]) });
}
