import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Clock } from "./clock.ts";
import type { ClusterConfig, ExecPlugin, Source } from "./config.ts";

/** What a connection and a request need to prove who we are and whom we talk to. */
export interface Credentials {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
}

export interface CredentialSource {
  /** The credentials of now; the same object as long as nothing changed, so identity tells a rotation. */
  current(): Promise<Credentials>;
  /** Forgets what was read: the server said 401, so a token was rotated or has expired. */
  invalidate(): void;
}

/** Kubelet rewrites a projected token at 80 % of its life, so reading again this often never misses one. */
const rereadMs = 10_000;
/** An exec credential is renewed this long before it expires. */
const execSlackMs = 60_000;

/** Reads files again when they may have changed; runs an exec plugin again when its credential nears its end. */
export function createCredentialSource(config: ClusterConfig, clock: Clock): CredentialSource {
  let known: Credentials | undefined;
  let readAt = 0;
  let reading: Promise<Credentials> | undefined;
  let exec: { credential: ExecCredential; until: number } | undefined;

  const read = async (): Promise<Credentials> => {
    if (config.exec !== undefined && (exec === undefined || clock.now() > exec.until)) {
      const credential = await runExecPlugin(config.exec);
      const expires = credential.expirationTimestamp;
      exec = { credential, until: expires === undefined ? Infinity : Date.parse(expires) - execSlackMs };
    }
    const [ca, certificate, key, token] = await Promise.all([
      load(config.ca),
      load(config.clientCertificate),
      load(config.clientKey),
      load(config.token),
    ]);
    const bearer = exec?.credential.token ?? token?.trim();
    const next: Credentials = {
      ca,
      certificate: exec?.credential.clientCertificateData ?? certificate,
      key: exec?.credential.clientKeyData ?? key,
      authorization: bearer !== undefined ? `Bearer ${bearer}` : basicHeader(config),
    };
    if (known === undefined || !same(known, next)) known = next;
    readAt = clock.monotonic();
    return known;
  };

  return {
    current() {
      if (known !== undefined && clock.monotonic() - readAt < rereadMs) return Promise.resolve(known);
      reading ??= read()
        // A file replaced just now may be missing for a moment: what was read before still serves.
        .catch((error: unknown) => {
          if (known === undefined) throw error;
          return known;
        })
        .finally(() => {
          reading = undefined;
        });
      return reading;
    },
    invalidate() {
      readAt = -Infinity;
      exec = undefined;
    },
  };
}

async function load(source: Source | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  return "data" in source ? source.data : readFile(source.file, "utf8");
}

function basicHeader({ basic }: ClusterConfig): string | undefined {
  if (basic === undefined) return undefined;
  return `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString("base64")}`;
}

const same = (a: Credentials, b: Credentials) =>
  a.ca === b.ca && a.certificate === b.certificate && a.key === b.key && a.authorization === b.authorization;

interface ExecCredential {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
  expirationTimestamp?: string;
}

async function runExecPlugin(plugin: ExecPlugin): Promise<ExecCredential> {
  const info = { apiVersion: plugin.apiVersion, kind: "ExecCredential", spec: { interactive: false } };
  const { stdout } = await promisify(execFile)(plugin.command, [...plugin.args], {
    env: { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    timeout: 30_000,
    maxBuffer: 1 << 20,
  });
  const parsed: unknown = JSON.parse(stdout);
  const status =
    typeof parsed === "object" && parsed !== null && "status" in parsed ? parsed.status : undefined;
  if (typeof status !== "object" || status === null) {
    throw new Error(`the kubeconfig's exec plugin ${plugin.command} printed no ExecCredential with a status`);
  }
  return status as ExecCredential;
}
