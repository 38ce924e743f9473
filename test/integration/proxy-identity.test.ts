import "reflect-metadata";
import { type ChildProcess, spawn } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as x509 from "@peculiar/x509";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../../hack/hermetic/pki.ts";
import { listen } from "../support/server.ts";

/** The authority's side of the CA API, with answers that the tests choose; the proxy's side is the real one, in Bun. */
interface Asked {
  readonly token: string;
  readonly csr: string;
}
type Answer = (asked: Asked) => Promise<{ status: number; body: string; pieces?: number }>;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const id = "spiffe://cluster.local/ns/shop/sa/pay";
let folder: string;
let authority: Authority;
let stranger: Authority;
const children: ChildProcess[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-identity-"));
  [authority, stranger] = await Promise.all([createAuthority("mesh"), createAuthority("stranger")]);
});
afterEach(async () => {
  await Promise.all(
    children.splice(0).map((child) => {
      const exited = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      return exited;
    }),
  );
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const signed: Answer = async ({ csr }) => {
  const request = new x509.Pkcs10CertificateRequest(csr);
  expect(await request.verify()).toBe(true);
  const notAfter = new Date(Date.now() + 86_400_000);
  const key = await webcrypto.subtle.importKey("pkcs8", derOf(authority.key), algorithm, false, ["sign"]);
  const leaf = await x509.X509CertificateGenerator.create({
    issuer: "CN=mesh",
    notAfter,
    publicKey: await request.publicKey.export(algorithm, ["verify"]),
    signingKey: key as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: id }])],
  });
  const body = {
    certificates: [leaf.toString("pem")],
    trustBundle: authority.certificate,
    notAfter: notAfter.toISOString(),
  };
  return { status: 201, body: JSON.stringify(body) };
};
const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
const refusal = (status: number, code: string) => async () => ({
  status,
  body: JSON.stringify({
    code,
    message: "the token is not for this authority",
    hint: "look at its audience",
  }),
});

/** Serves with a certificate from `by` for `ip`; answers what it was asked. */
async function serve(
  answer: Answer,
  { by = authority, ip = "127.0.0.1" } = {},
): Promise<{ url: string; asked: Asked[] }> {
  const { certificate, key } = await by.issue({ commonName: "control", ips: [ip] });
  const asked: Asked[] = [];
  const server = createServer({ cert: certificate, key }, async (incoming, outgoing) => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const { csr } = JSON.parse(Buffer.concat(parts).toString()) as { csr: string };
    const question = { token: incoming.headers.authorization ?? "", csr };
    asked.push(question);
    expect([incoming.method, incoming.url]).toEqual(["POST", "/v1/certificates"]);
    const { status, body, pieces = 1 } = await answer(question);
    outgoing.writeHead(status, { "content-type": "application/json" });
    // Chunked, in pieces of any size.
    const size = Math.ceil(body.length / pieces);
    for (let at = 0; at < body.length; at += size) outgoing.write(body.slice(at, at + size));
    outgoing.end();
  });
  servers.push(server);
  return { url: `https://127.0.0.1:${await listen(server)}`, asked };
}

async function start(url: string, token = "first") {
  const tokenFile = join(folder, `token-${children.length}`);
  await writeFile(tokenFile, `${token}\n`);
  const bun = join(import.meta.dirname, "../../node_modules/.bin/bun");
  const child = spawn(bun, [join(import.meta.dirname, "proxy-identity/requester.ts")], {
    env: { ...process.env, CA_URL: url, CA_ROOT: authority.certificate, TOKEN_FILE: tokenFile },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  const until = async (check: (line: Record<string, unknown>) => boolean) => {
    const deadline = Date.now() + 15_000;
    for (;;) {
      const found = lines.find(check);
      if (found !== undefined) return found;
      if (Date.now() > deadline)
        throw new Error(`not within 15 s; printed:\n${lines.map((line) => JSON.stringify(line)).join("\n")}`);
      await sleep(5);
    }
  };
  return { lines, until, tokenFile };
}

describe("a proxy asks for its identity", () => {
  it("with its token and a request that verifies, and uses what it gets", async () => {
    const { url, asked } = await serve(signed);
    const { until, lines } = await start(url);
    expect(await until(({ event }) => event === "identity")).toEqual({ event: "identity", id, hasKey: true });
    expect(asked.map(({ token }) => token)).toEqual(["Bearer first"]);
    expect(JSON.stringify(lines)).not.toContain("PRIVATE");
  });

  it("and takes an answer in many pieces", async () => {
    const { url } = await serve(async (asked) => ({ ...(await signed(asked)), pieces: 300 }));
    await (await start(url)).until(({ event }) => event === "identity");
  });

  it("again until control is there", async () => {
    const { url } = await serve(signed);
    const [server] = servers.splice(0);
    const { port } = new URL(url);
    server?.close();
    const { until } = await start(url);
    await until(({ error }) => String(error).includes("ECONNREFUSED"));
    const again = await serve(signed);
    const moved = servers.at(-1);
    // The same port, as control's Service has.
    moved?.close();
    moved?.listen(Number(port), "127.0.0.1");
    await until(({ event }) => event === "identity");
    expect(again.asked.length).toBeGreaterThan(0);
  });

  it("with the token as it is then, and tells why it was refused", async () => {
    const answer: Answer = (asked) =>
      asked.token === "Bearer second" ? signed(asked) : refusal(401, "WEFT_CA_TOKEN")();
    const { url } = await serve(answer);
    const { until, tokenFile } = await start(url);
    expect(await until(({ code }) => code === "WEFT_CA_TOKEN")).toMatchObject({
      level: "error",
      error: "the authority answered 401: the token is not for this authority",
      hint: "look at its audience",
    });
    await writeFile(tokenFile, "second");
    await until(({ event }) => event === "identity");
  });

  it.each([
    ["a certificate of another authority", () => ({ by: stranger }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    ["a certificate for another name", () => ({ ip: "127.0.0.2" }), /ERR_TLS_CERT_ALTNAME_INVALID/],
  ])("but sends no token to a server with %s", async (_, how, expected) => {
    const { url, asked } = await serve(signed, how());
    const { until, lines } = await start(url);
    await until(({ error }) => expected.test(String(error)));
    expect(asked).toEqual([]);
    expect(lines.some(({ event }) => event === "identity")).toBe(false);
  });

  it.each<[string, Answer, RegExp]>([
    ["larger than any chain", async () => ({ status: 201, body: "x".repeat(600_000) }), /larger than/],
    ["without certificates", async () => ({ status: 201, body: "{}" }), /expected certificates/],
    ["that is no JSON", async () => ({ status: 500, body: "<html>" }), /answered 500/],
  ])("and refuses an answer %s", async (_, answer, expected) => {
    const { url } = await serve(answer);
    await (await start(url)).until(({ error }) => expected.test(String(error)));
  });
});
