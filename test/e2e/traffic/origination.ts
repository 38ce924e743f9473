/** DestinationRules that make the client's sidecar speak TLS to a server outside the mesh. */
import { expect, it } from "vitest";
import { apply, ask, eventually } from "../../support/e2e.ts";
import { client as certificate, server } from "./certificates.ts";
import { client, ns } from "./scene.ts";

const simple = { mode: "SIMPLE", ...server };
const mutual = { mode: "MUTUAL", ...server, ...certificate };

/** Of everybody's port, and of the one that asks for certificates. */
async function calledWith(everybody: object, asking: object): Promise<void> {
  await apply({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "vault", namespace: ns },
    spec: {
      host: "vault",
      trafficPolicy: {
        tls: everybody,
        portLevelSettings: [{ port: { number: 81 }, tls: asking }],
      },
    },
  });
}

async function answers(port: number, status: number): Promise<void> {
  await eventually(`${status} from port ${port}`, async () => {
    const answer = await ask(ns, client, `http://vault:${port}/`);
    return answer.status === status;
  });
}

export function originationTests(): void {
  it("SIMPLE proves the server, MUTUAL also the client", async () => {
    await calledWith(simple, mutual);
    await answers(80, 200);
    await answers(81, 200);
    const { body } = await ask(ns, client, "http://vault:81/");
    expect((JSON.parse(body) as { service: string }).service).toBe("vault");
  });

  it("fails where the server has another name, or asks for a certificate that there is none of", async () => {
    await calledWith({ ...simple, subjectAltNames: ["other.example"] }, simple);
    await answers(80, 503);
    await answers(81, 503);
  });
}
