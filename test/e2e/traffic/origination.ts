/** DestinationRules that make the client's sidecar speak TLS to a server outside the mesh, each on a path of its own. */
import { beforeAll, expect, it } from "vitest";
import { ask } from "../../support/e2e.ts";
import { client as certificate, lists, server, serverName } from "./certificates.ts";
import { applyWays, clearMesh, client, ns, said } from "./scene.ts";

const { caCertificates } = server;
const simple = { mode: "SIMPLE", ...server };
const mutual = { mode: "MUTUAL", ...server, ...certificate };
const bySni = { mode: "SIMPLE", caCertificates, sni: serverName };
/** For everybody, and for clients with certificates. */
const [everybody, asking] = [8080, 8081];

const served: readonly [what: string, tls: object, port: number][] = [
  ["SIMPLE proves the server", simple, everybody],
  ["MUTUAL proves the client, too", mutual, asking],
  ["SIMPLE expects the name that it asks for", bySni, everybody],
  ["caCrl lets a server pass that no list names", { ...simple, caCrl: lists.empty }, everybody],
  ["insecureSkipVerify takes any certificate", { mode: "SIMPLE", insecureSkipVerify: true }, everybody],
];
const failed: readonly [what: string, tls: object, port: number][] = [
  ["the client has no certificate, and is asked for one", simple, asking],
  ["the server has none of subjectAltNames", { ...simple, subjectAltNames: ["other.example"] }, everybody],
  ["the server has another name than sni", { ...bySni, sni: "other.example" }, everybody],
  ["nobody known has signed for the server", { ...simple, caCertificates: undefined }, everybody],
  ["a list of caCrl names the server", { ...simple, caCrl: lists.full }, everybody],
  ["the server expects TLS, and mode is DISABLE", { mode: "DISABLE" }, everybody],
  ["the server is none of the mesh, and mode is ISTIO_MUTUAL", { mode: "ISTIO_MUTUAL" }, everybody],
];
const all = [...served, ...failed];
const wayOf = (what: string) => `way-${all.findIndex(([each]) => each === what)}`;

export function originationTests(): void {
  beforeAll(async () => {
    await clearMesh();
    await applyWays(
      "vault",
      Object.fromEntries(all.map(([what, tls, port]) => [wayOf(what), { policy: { tls }, port }])),
    );
  });

  const asked = (what: string) => ask(ns, client, `http://vault:8080/${wayOf(what)}/`);

  it.each(served)("%s", async (what, tls) => {
    const answer = await asked(what);
    expect(answer.status).toBe(200);
    const { service, serverName: name } = said(answer);
    expect(service).toBe("vault");
    if ("sni" in tls) expect(name).toBe(tls.sni);
  });

  it.each(failed)("a request fails where %s", async (what) => {
    expect((await asked(what)).status).toBeGreaterThanOrEqual(400);
  });
}
