import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureBinaries } from "../../hack/hermetic/binaries.ts";
import { writeKubeconfig } from "../../hack/hermetic/kubeconfig.ts";
import { createAuthority, createTokenKeys } from "../../hack/hermetic/pki.ts";

/** A real kube-apiserver over its own etcd on 127.0.0.1: no controllers, no nodes. */
export interface ApiServer {
  readonly url: string;
  /** Path of a kubeconfig for a cluster administrator; ends with the server. */
  readonly kubeconfig: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** The administrator's client certificate and key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** A bearer token of the same administrator. */
  readonly token: string;
  /** Ends the API server's process, leaving etcd; `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends both processes and removes their files. */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  /** More flags for kube-apiserver, for example `--feature-gates=…`. */
  readonly flags?: readonly string[];
}

/**
 * Starts etcd and kube-apiserver with RBAC and service-account tokens, ready in about 4 s.
 * The ServiceAccount admission plugin is off, since no controller makes a namespace's `default` account.
 * Throws with the end of the process's log when one does not come up within 60 s.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const binaries = await ensureBinaries((message) => console.error(message));
  const folder = await mkdtemp(join(tmpdir(), "weft-api-"));
  const file = (name: string) => join(folder, name);
  const [clientPort, peerPort, port] = await freePorts(3);
  const url = `https://127.0.0.1:${port}`;
  const token = randomBytes(16).toString("hex");

  const authority = await createAuthority("weft-test");
  const server = await authority.issue({
    commonName: "kube-apiserver",
    dns: ["localhost", "kubernetes.default.svc"],
    ips: ["127.0.0.1", "198.19.0.1"],
  });
  const admin = await authority.issue({ commonName: "weft-admin", organizations: ["system:masters"] });
  const tokens = createTokenKeys();
  await Promise.all([
    writeFile(file("ca.crt"), authority.certificate),
    writeFile(file("server.crt"), server.certificate),
    writeFile(file("server.key"), server.key),
    writeFile(file("sa.key"), tokens.privateKey),
    writeFile(file("sa.pub"), tokens.publicKey),
    writeFile(file("tokens.csv"), `${token},weft-admin,weft-admin,system:masters\n`),
    writeKubeconfig(file("kubeconfig"), { server: url, authority: authority.certificate, client: admin }),
  ]);

  const run = (name: string, args: readonly string[]) =>
    startProcess(binaries.kube, name, args, file(`${name}.log`));
  const etcd = run("etcd", [
    `--data-dir=${file("etcd")}`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    "--unsafe-no-fsync=true",
    "--log-level=error",
  ]);
  let apiserver: RunningProcess | undefined;

  const start = async () => {
    apiserver = run("kube-apiserver", [
      `--etcd-servers=http://127.0.0.1:${clientPort}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      "--endpoint-reconciler-type=none",
      `--secure-port=${port}`,
      `--cert-dir=${folder}`,
      `--client-ca-file=${file("ca.crt")}`,
      `--tls-cert-file=${file("server.crt")}`,
      `--tls-private-key-file=${file("server.key")}`,
      `--token-auth-file=${file("tokens.csv")}`,
      "--authorization-mode=Node,RBAC",
      "--disable-admission-plugins=ServiceAccount",
      "--service-cluster-ip-range=198.19.0.0/16",
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${file("sa.pub")}`,
      `--service-account-signing-key-file=${file("sa.key")}`,
      ...(options.flags ?? []),
    ]);
    await waitReady(url, authority.certificate, token, [etcd, apiserver]);
  };
  const stop = async () => {
    await apiserver?.end("SIGKILL");
    apiserver = undefined;
  };
  const close = async () => {
    await stop();
    await etcd.end("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };

  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    kubeconfig: file("kubeconfig"),
    ca: authority.certificate,
    cert: admin.certificate,
    key: admin.key,
    token,
    stop,
    start,
    close,
  };
}

interface RunningProcess {
  readonly name: string;
  readonly log: string;
  exited(): boolean;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** The process dies with the test that started it, however that ends: `setpriv --pdeathsig`. */
function startProcess(kube: string, name: string, args: readonly string[], log: string): RunningProcess {
  const output = openSync(log, "a");
  const child: ChildProcess = spawn("setpriv", ["--pdeathsig", "KILL", "--", kube, name, ...args], {
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let failure: Error | undefined;
  const gone = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", (error) => {
      failure = error;
      done();
    });
  });
  return {
    name,
    log,
    exited: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
    async end(signal) {
      child.kill(signal);
      await gone;
    },
  };
}

async function waitReady(
  url: string,
  ca: string,
  token: string,
  processes: readonly RunningProcess[],
): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if ((await status(`${url}/readyz`, ca, token)) === 200) return;
    const dead = processes.find((process) => process.exited());
    if (dead === undefined && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    const culprit = dead ?? processes.at(-1);
    const log = culprit ? await readFile(culprit.log, "utf8").catch(() => "") : "";
    const what = dead ? `${dead.name} exited` : `${culprit?.name} was not ready after 60 s`;
    throw new Error(`${what}; the end of its log:\n${log.split("\n").slice(-20).join("\n")}`);
  }
}

/** The answer's status, or 0 when there was none. */
function status(url: string, ca: string, token: string): Promise<number> {
  return new Promise((done) => {
    const call = request(
      url,
      { ca, headers: { authorization: `Bearer ${token}` }, agent: false },
      (response) => {
        response.resume();
        response.once("end", () => done(response.statusCode ?? 0));
        response.once("error", () => done(0));
      },
    );
    call.setTimeout(2_000, () => call.destroy());
    call.once("error", () => done(0));
    call.end();
  });
}

/** Ports that were free a moment ago; all are held until the last is known, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  return await Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((done) => server.close(done));
      if (address === null || typeof address === "string")
        throw new Error("a TCP server has an address and a port");
      return address.port;
    }),
  );
}
