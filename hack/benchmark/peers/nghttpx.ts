/** nghttpx, one thread: HTTP/2 alone. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "../processes.ts";
import type { Address, Peer, Site } from "../shape.ts";

export const nghttpx: Peer = {
  name: "nghttpx",
  commands(shape, site) {
    if (shape.protocol !== "http2" && shape.protocol !== "grpc") return undefined;
    if (shape.layout === "inbound" || shape.routes > 1 || shape.endpoints > 1) return undefined;
    const { front, mutual, identities, backendPort } = site;
    const { client, server } = identities;
    const backend = `127.0.0.1,${backendPort};;proto=h2`;
    if (shape.layout === "hop")
      return [process(site, "client", front, [`-f${at(front)};no-tls`, `-b${backend}`])];
    return [
      // Its check of names knows no URI: it verifies no identity here.
      process(site, "client", front, [
        `-f${at(front)};no-tls`,
        `-b${at(mutual)};;proto=h2;tls`,
        "--insecure",
        `--client-cert-file=${client.certificate}`,
        `--client-private-key-file=${client.key}`,
      ]),
      process(site, "server", mutual, [
        `-f${at(mutual)}`,
        `-b${backend}`,
        "--verify-client",
        `--verify-client-cacert=${server.trust}`,
        "--no-ocsp",
        server.key,
        server.certificate,
      ]),
    ];
  },
};

const at = ({ host, port }: Address) => `${host},${port}`;

function process(site: Site, role: string, listens: Address, options: readonly string[]): Command {
  // Without a file of its own it reads /etc/nghttpx.
  const conf = join(site.folder, `nghttpx-${role}.conf`);
  writeFileSync(conf, "");
  const common = [
    "--conf",
    conf,
    "--workers=1",
    "--single-process",
    "--single-thread",
    "--accesslog-file=/dev/null",
  ];
  const limits = [
    "--no-via",
    "--frontend-http2-max-concurrent-streams=1024",
    "--backend-http2-max-concurrent-streams=1024",
  ];
  return { argv: ["nghttpx", ...common, ...limits, ...options], listens };
}
