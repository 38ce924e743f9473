/** Where everything is in a run; `hack/bench` names the executables in the environment. */
import { makeIdentities } from "./identities.ts";
import type { Site } from "./shape.ts";

export async function makeSite(folder: string): Promise<Site> {
  return {
    folder,
    front: { host: "127.0.0.1", port: 18401 },
    mutual: { host: "127.0.9.1", port: 15008 },
    backendPort: 18400,
    admin: { host: "127.0.0.1", port: 18402 },
    identities: await makeIdentities(folder),
    weft: [process.env.WEFT_BENCH_PROXY ?? ""],
    envoy: process.env.WEFT_BENCH_ENVOY ?? "",
    grpc: process.env.WEFT_BENCH_GRPC ?? "",
  };
}
