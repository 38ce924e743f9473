/** A proxy's identity alone, in Bun: prints a JSON line for each certificate and each failure, and never a key. */
import { systemClock } from "../../../proxy/config/clock.ts";
import { createAuthority } from "../../../proxy/identity/authority.ts";
import { startIdentity } from "../../../proxy/identity/identity.ts";

const { CA_URL = "", CA_ROOT = "", TOKEN_FILE = "" } = process.env;
const print = (line: object) => console.log(JSON.stringify(line));
const identity = startIdentity({
  authority: createAuthority({ url: CA_URL, tokenFile: TOKEN_FILE }),
  anchors: CA_ROOT,
  clock: systemClock,
  random: Math.random,
  log: (level, message, fields) => print({ event: "log", level, message, ...fields }),
});
identity.onChange(() => {
  const current = identity.current();
  print({
    event: "identity",
    id: current?.spiffeId,
    hasKey: current?.keyPem.startsWith("-----BEGIN PRIVATE KEY-----"),
  });
});
