import { beforeEach, describe, expect, it } from "vitest";
import { isConflict, type KubeObject, silentLog } from "../../kube/index.ts";
import { chosenSecret, dataOf, readSecret } from "./decide.ts";
import { ensureCertificates } from "./ensure.ts";
import { reportCertificates } from "./report.ts";
import { createFakeSecrets, type FakeSecrets } from "./secrets.fixture.ts";

const start = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const day = 24 * hour;
const namespace = "istio-system";
const key = `${namespace}/istio-ca-secret`;

let secrets: FakeSecrets;
beforeEach(() => {
  secrets = createFakeSecrets();
});

const ensure = (now: number, cached = secrets.cached(namespace)) =>
  ensureCertificates({
    client: secrets.client,
    namespace,
    operatorNamespace: "weft-system",
    cached,
    now,
    log: silentLog,
    signal: new AbortController().signal,
  });
const authority = () => {
  const reading = readSecret(secrets.get(key) as KubeObject);
  if (reading.authority === undefined) throw new Error(reading.error);
  return reading.authority;
};
const anchors = () => authority().trustBundle.match(/BEGIN/g)?.length;
const report = (now: number) => reportCertificates(secrets.cached(namespace), namespace, now);
const brought = (data: Record<string, string>, name = "cacerts"): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
  data: Object.fromEntries(
    Object.entries(data).map(([k, text]) => [k, Buffer.from(text).toString("base64")]),
  ),
});

describe("the mesh's certificates", () => {
  it("are made once: a root, and an intermediate under it", async () => {
    expect((await ensure(start)).done).toEqual(["create-root", "create-authority"]);
    expect(secrets.writes).toEqual(["create weft-root-ca", "create istio-ca-secret"]);
    expect(authority().chain).toHaveLength(1);
    expect(report(start)).toMatchObject({ status: "True", reason: "Valid", secretName: "istio-ca-secret" });
    expect((await ensure(start)).done).toEqual([]);
  });

  it("are not made again by one who does not see them yet", async () => {
    await ensure(start);
    const nothing = { root: undefined, authority: undefined, brought: undefined };
    expect((await ensure(start, nothing)).done).toEqual([]);
    expect(secrets.writes).toHaveLength(2);
  });

  it("do not fork when two make them at once", async () => {
    const results = await Promise.allSettled([ensure(start), ensure(start)]);
    for (const result of results) {
      if (result.status === "rejected") expect(isConflict(result.reason)).toBe(true);
    }
    expect(secrets.writes.filter((write) => write === "create weft-root-ca")).toHaveLength(1);
    expect(report(start)).toMatchObject({ status: "True", reason: "Valid" });
    expect((await ensure(start)).done).toEqual([]);
  });

  it("have their intermediate renewed after two thirds of its year, under the same anchor", async () => {
    await ensure(start);
    const before = authority();
    expect((await ensure(start + 243 * day)).done).toEqual([]);
    expect((await ensure(start + 244 * day)).done).toEqual(["renew-authority"]);
    expect(authority().fingerprint).not.toBe(before.fingerprint);
    expect(authority().trustBundle).toBe(before.trustBundle);
  });

  it("are looked at again when something is due, or within the hour", async () => {
    expect((await ensure(start)).until).toBe(start + hour);
    const near = start + 243 * day + 7 * hour + 30 * 60_000;
    const { until } = await ensure(near);
    expect(until).toBeLessThanOrEqual(near + hour);
  });

  it("come back under the same root when the intermediate is deleted or damaged", async () => {
    await ensure(start);
    const { trustBundle } = authority();
    secrets.delete(key);
    await ensure(start);
    expect(authority().trustBundle).toBe(trustBundle);
    const damaged = structuredClone(secrets.get(key) as KubeObject);
    damaged.data = { ...(damaged.data as object), "ca-key.pem": "bm8=" };
    secrets.set(damaged);
    expect((await ensure(start)).done).toEqual(["renew-authority"]);
    expect(authority().trustBundle).toBe(trustBundle);
  });

  it("get a lost root's successor trusted an hour before anything is signed under it", async () => {
    await ensure(start);
    const before = authority();
    secrets.delete("weft-system/weft-root-ca");
    expect((await ensure(start + day)).done).toEqual(["create-root", "publish-root"]);
    expect(authority().fingerprint).toBe(before.fingerprint);
    expect(anchors()).toBe(2);
    expect((await ensure(start + day + hour - 1)).done).toEqual([]);
    expect((await ensure(start + day + hour)).done).toEqual(["renew-authority"]);
    expect(authority().fingerprint).not.toBe(before.fingerprint);
    expect(anchors()).toBe(2);
  });

  it("always sign what the bundle of an hour ago trusts, for thirty years", async () => {
    let published: string | undefined;
    const steps = new Set<string>();
    for (let now = start; now < start + 30 * 365 * day; ) {
      const { done, until } = await ensure(now);
      for (const step of done) steps.add(step);
      const { notBefore, notAfter, chain, pair } = authority();
      expect(notBefore <= now && now < notAfter).toBe(true);
      // What proxies had before this change has to verify what is signed after it.
      const files = {
        ...dataOf(secrets.get(key) as KubeObject),
        "root-cert.pem": published ?? authority().trustBundle,
      };
      const secret = brought({ ...files, "ca-cert.pem": pair.certificate, "cert-chain.pem": chain.join("") });
      expect(readSecret(secret).error).toBeUndefined();
      published = authority().trustBundle;
      // A month at a time, but never past what is due.
      now = Math.max(until, Math.min(now + 30 * day, until === now + hour ? now + 30 * day : until));
    }
    expect([...steps].sort()).toEqual([
      "create-authority",
      "create-root",
      "publish-root",
      "renew-authority",
      "replace-root",
    ]);
    // Anchors that ended are dropped.
    expect(anchors()).toBeLessThanOrEqual(2);
  }, 60_000);
});

describe("certificates that a user brought", () => {
  it("are used in place of the operator's, and never written", async () => {
    await ensure(start);
    secrets.set(brought(dataOf(secrets.get(key) as KubeObject)));
    const writes = secrets.writes.length;
    const { secrets: outcome } = await ensure(start + 300 * day);
    expect(chosenSecret(outcome).name).toBe("cacerts");
    expect(secrets.writes).toHaveLength(writes);
  });

  it("may stand in istio-ca-secret, where an Istio left them", async () => {
    const other = createFakeSecrets();
    await ensureCertificates({
      client: other.client,
      namespace,
      operatorNamespace: "weft-system",
      cached: other.cached(namespace),
      now: start,
      log: silentLog,
      signal: new AbortController().signal,
    });
    secrets.set(brought(dataOf(other.get(key) as KubeObject), "istio-ca-secret"));
    expect((await ensure(start)).done).toEqual([]);
    expect(report(start)).toMatchObject({ status: "True", secretName: "istio-ca-secret" });
  });

  it("join their anchors to the operator's in what the webhooks trust", async () => {
    await ensure(start);
    const own = authority().trustBundle;
    const other = createFakeSecrets();
    other.set(brought({}, "unrelated"));
    secrets.delete("weft-system/weft-root-ca");
    const before = structuredClone(secrets.get(key) as KubeObject);
    secrets.delete(key);
    await ensure(start);
    secrets.set(brought(dataOf(before)));
    expect(report(start).trustBundle).toContain(own.trim());
    expect(report(start).trustBundle.match(/BEGIN/g)).toHaveLength(2);
  });
});

describe("the report on certificates", () => {
  it("says when they end, and warns before", async () => {
    await ensure(start);
    const end = authority().notAfter;
    expect(report(start).intermediateEnd).toBe(end);
    expect(report(end - 13 * day)).toMatchObject({ status: "True", reason: "ExpiresSoon" });
    expect(report(end - 13 * day).message).toContain("its log says what keeps it");
    expect(report(end)).toMatchObject({ status: "False", reason: "Expired" });
  });

  it("says what is wrong with a Secret, by name and key", () => {
    expect(report(start)).toMatchObject({ status: "False", reason: "SecretMissing", trustBundle: "" });
    secrets.set(brought({ "ca-cert.pem": "no" }));
    expect(report(start)).toMatchObject({ status: "False", reason: "SecretInvalid" });
    expect(report(start).message).toMatch(/Secret istio-system\/cacerts.*ca-cert\.pem/);
  });

  it("tells a user that it is theirs to renew", async () => {
    await ensure(start);
    secrets.set(brought(dataOf(secrets.get(key) as KubeObject)));
    expect(report(authority().notAfter).message).toContain("put a new one in its place");
  });
});
