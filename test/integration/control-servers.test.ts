import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlBench, namespace, until } from "../support/control.ts";
import { canary } from "../support/mesh.ts";

/** Control as a process, and what it answers. */
let bench: ControlBench;
beforeAll(async () => {
  bench = await ControlBench.open();
  const control = await bench.start("one");
  await until("ready", () => control.notReady() === undefined || undefined);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

describe("control's process", () => {
  it("gets ready, and ends cleanly when it is told to, with nothing left to wait for", async () => {
    const address = "127.0.0.77";
    const child = spawn(process.execPath, ["control/main.ts"], {
      cwd: new URL("../..", import.meta.url),
      env: {
        PATH: process.env.PATH,
        KUBECONFIG: bench.server.kubeconfig,
        POD_NAME: "process",
        WEFT_LISTEN: address,
        WEFT_MESH_FILE: bench.meshFile,
        WEFT_CA_FOLDER: bench.folder,
      },
      stdio: ["ignore", "inherit", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    // With all that it has logged.
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    try {
      const ready = () =>
        fetch(`http://${address}:15014/readyz`)
          .then(({ ok }) => ok || undefined)
          .catch(() => undefined);
      await until("ready", ready, 30_000);
      const memory = await readFile(`/proc/${child.pid}/status`, "utf8");
      console.log(`control's process: ${/VmRSS:\s*(.*)/.exec(memory)?.[1]} resident`);
      child.kill("SIGTERM");
      await until("not ready while it stops", async () => ((await ready()) === undefined ? true : undefined));
      expect(await exited).toBe(0);
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`the process's log:\n${log}`, { cause: error });
    }
    expect(log).toContain('"msg":"stopping"');
  });
});

describe("control's servers", () => {
  const post = (port: number, path: string, body: unknown, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; body: unknown }>((resolve, reject) => {
      const out = request(
        {
          host: "127.0.0.1",
          port,
          path,
          method: "POST",
          ca: bench.root,
          servername: "control-default.istio-system.svc",
          headers: { "content-type": "application/json", ...headers },
        },
        async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
        },
      );
      out.on("error", reject);
      out.end(JSON.stringify(body));
    });
  const review = (object: unknown, kind: string, resource: string, group = "") => ({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "7f0c1c1e",
      operation: "CREATE",
      namespace,
      kind: { group, version: "v1", kind },
      resource: { group, version: "v1", resource },
      object,
    },
  });
  const ports = () => {
    const [control] = bench.running;
    if (control === undefined) throw new Error("no control runs");
    return control.ports;
  };

  it("inject a pod, knowing its namespace's labels", async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { generateName: "web-", namespace },
      spec: { containers: [{ name: "web", image: "web" }] },
    };
    const answer = await post(ports().webhooks, "/inject", review(pod, "Pod", "pods"));
    const { response } = answer.body as { response: { allowed: boolean; patch: string; uid: string } };
    expect(response).toMatchObject({ uid: "7f0c1c1e", allowed: true });
    expect(Buffer.from(response.patch, "base64").toString()).toContain("weft.dev/proxy:test");
  });

  it("refuse what cannot work, field by field", async () => {
    const bad = canary(namespace, -5);
    const answer = await post(
      ports().webhooks,
      "/validate",
      review(bad, "VirtualService", "virtualservices", "networking.istio.io"),
    );
    const { response } = answer.body as { response: { allowed: boolean; status: { code: number } } };
    expect(response).toMatchObject({ allowed: false, status: { code: 422 } });
  });

  it("refuse a certificate to a stranger, and say why", async () => {
    const answer = await post(
      ports().certificates,
      "/v1/certificates",
      { csr: "x" },
      { authorization: "Bearer x.y.z" },
    );
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ code: "WEFT_CA_BAD_TOKEN" });
  });

  it("tell their health and what they count", async () => {
    const base = `http://127.0.0.1:${ports().health}`;
    expect(await (await fetch(`${base}/readyz`)).text()).toBe("ok\n");
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const name of [
      "weft_compile_duration_seconds_count",
      "weft_publish_skipped_total",
      "weft_webhook_duration_seconds_bucket",
      "weft_kube_requests_total",
      "weft_leader",
      "nodejs_eventloop_lag_p99_seconds",
    ]) {
      expect(text).toContain(name);
    }
  });
});
