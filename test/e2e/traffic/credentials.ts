/** DestinationRules whose `credentialName` the client's sidecar reads with its own account. */
import { beforeAll, expect, it } from "vitest";
import { createRoot } from "../../../control/ca/certificates.ts";
import { ask, eventually, kubectl } from "../../support/e2e.ts";
import { credentialRole, credentials, server, serverName } from "./certificates.ts";
import { applyWays, clearMesh, client, ns, said } from "./scene.ts";

const { whole, generic, roots, forbidden } = credentials;
const proves = { sni: serverName, subjectAltNames: server.subjectAltNames };
const mutual = (credentialName: string) => ({ mode: "MUTUAL", credentialName, ...proves });
const simple = (credentialName: string) => ({ mode: "SIMPLE", credentialName, ...proves });
/** For everybody, and for clients with certificates. */
const [everybody, asking] = [8080, 8081];

const served: readonly [what: string, tls: object, port: number][] = [
  ["MUTUAL shows the certificate of a Secret of type tls", mutual(whole), asking],
  ["MUTUAL shows the certificate of a generic Secret with authorities apart", mutual(generic), asking],
  ["SIMPLE proves the server by the Secret's authorities", simple(whole), everybody],
  ["SIMPLE proves the server by a ConfigMap's authorities", simple(`configmap://${roots}`), everybody],
];
const failed: readonly [what: string, tls: object, port: number, says: string][] = [
  ["no role lets the account list it", mutual(forbidden), asking, `--resource-name=${forbidden}`],
  ["there is none of the name", mutual("vault-none"), asking, `Secret ${ns}/vault-none: not found`],
  [
    "the mode needs what it lacks",
    mutual(`configmap://${roots}`),
    asking,
    "expected a certificate and its key",
  ],
  ["SIMPLE shows no certificate, and is asked for one", simple(whole), asking, ""],
];
/** Each request on a connection of its own, so that each shows what holds now. */
const fresh = { http: { maxRequestsPerConnection: 1 } };
const all = [...served, ...failed];
const wayOf = (what: string) => `credential-${all.findIndex(([each]) => each === what)}`;

export function credentialTests(): void {
  beforeAll(async () => {
    await clearMesh();
    const way = (tls: object, port: number) => ({ policy: { tls, connectionPool: fresh }, port });
    await applyWays(
      "vault",
      Object.fromEntries(all.map(([what, tls, port]) => [wayOf(what), way(tls, port)])),
      {
        workloadSelector: { matchLabels: { app: "order-service" } },
      },
    );
  });

  const asked = (what: string) => ask(ns, client, `http://vault:8080/${wayOf(what)}/`);
  const change = (patch: object) =>
    kubectl(["patch", "secret", whole, "-n", ns, "--type=merge", "-p", JSON.stringify(patch)]);

  it.each(served)("%s", async (what) => {
    const answer = await asked(what);
    expect(answer.status, answer.body).toBe(200);
    expect(said(answer)).toMatchObject({ service: "vault", serverName });
  });

  it.each(failed)("a request fails where %s", async (what, _tls, _port, says) => {
    const { status, body } = await asked(what);
    expect(status).toBe(503);
    expect(body).toContain(says);
  });

  it("a Secret that changes holds for connections to come", async () => {
    const [[what]] = served as [(typeof served)[0]];
    const before = JSON.parse(await kubectl(["get", "secret", whole, "-n", ns, "-o", "json"])).data;
    const valid = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000 };
    await change({ stringData: { "ca.crt": (await createRoot("Stranger", valid)).certificate } });
    await eventually("the server is a stranger's", async () => (await asked(what)).status === 503);
    await change({ data: before });
    await eventually("the server is known again", async () => (await asked(what)).status === 200);
  });

  it("a role that is taken away holds for connections to come", async () => {
    const [, [what]] = served as [(typeof served)[0], (typeof served)[1]];
    expect((await asked(what)).status).toBe(200);
    await kubectl(["delete", "rolebinding", credentialRole, "-n", ns]);
    await eventually("the Secret is out of reach", async () => {
      const { status, body } = await asked(what);
      return status === 503 && body.includes(`--resource-name=${generic}`);
    });
  });
}
