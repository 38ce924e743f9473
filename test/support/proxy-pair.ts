/**
 * A client's proxy and a server's with mutual TLS between them, in front of an application: what two meshed pods are, without
 * the pods. The server's has a loopback address of its own, since proxies dial each other on port 15008.
 */
import type { Protocol } from "../../crds/service-config.ts";
import { type CompiledJson, endpoint, workloadObject } from "../../proxy/config/testdata.ts";
import { TestProxy } from "./proxy.ts";
import { CALLS_WEB, inFrontOf, webObjects } from "./web.ts";
import { TestAuthority } from "./workload-identity.ts";

export interface PairOptions {
  /** In 127.0.0.0/8, and no other pair's. */
  readonly address: string;
  /** Where the application listens at `address`. */
  readonly application: number;
  /** What the service's port and the container's say they speak. */
  readonly protocol: Protocol;
  /** Changes what the client's proxy is configured with. */
  readonly configure?: (objects: CompiledJson[]) => CompiledJson[];
}

/** Ends both proxies when disposed of. */
export class ProxyPair implements AsyncDisposable {
  readonly client: TestProxy;
  readonly server: TestProxy;

  private constructor(client: TestProxy, server: TestProxy) {
    this.client = client;
    this.server = server;
  }

  static async start(options: PairOptions): Promise<ProxyPair> {
    const { address, application, protocol } = options;
    const authority = await TestAuthority.create();
    const identity = await authority.issue("web");
    const service = "web.demo.svc.cluster.local";
    const server = await TestProxy.start({
      file: { mutual: `${address}:15008`, ...inFrontOf(application, address) },
      identity,
      objects: [
        workloadObject("demo", "web", {
          ports: [{ port: application, protocol, mtls: "PERMISSIVE", service }],
        }),
      ],
    });
    const meshed = endpoint(address, {
      ports: [{ port: 80, target: application }],
      mtls: true,
      identity: identity.id,
      workload: "web",
    });
    const objects = webObjects([meshed], { ports: [{ port: 80, protocol }] });
    try {
      const client = await TestProxy.start({
        file: CALLS_WEB,
        identity: await authority.issue("client"),
        objects: options.configure?.(objects) ?? objects,
      });
      return new ProxyPair(client, server);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where an application calls the service through both proxies. */
  get port(): number {
    return this.client.port("outbound");
  }

  /** Where a plaintext client calls the application through the server's proxy alone. */
  get inboundPort(): number {
    return this.server.port("inbound");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
