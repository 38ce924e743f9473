import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  apply,
  call,
  deployment,
  eventually,
  get,
  kubectl,
  namespace,
  podsIn,
  rollout,
  service,
} from "../support/e2e.ts";
import { authorizationPolicy, peerAuthentication } from "../support/mesh.ts";

const ns = "e2e-security";
const outside = "e2e-outside";
const url = `http://payment-service.${ns}:8080`;
const namespaces: AsyncDisposable[] = [];

beforeAll(async () => {
  namespaces.push(await namespace(ns, { injected: true }), await namespace(outside, { injected: false }));
  await apply(
    service(ns, "payment-service"),
    ...deployment({ name: "payment-service", namespace: ns }),
    ...deployment({ name: "order-service", namespace: ns }),
    ...deployment({ name: "refund-service", namespace: ns }),
    ...deployment({ name: "outsider", namespace: outside }),
  );
  await Promise.all([
    rollout(ns, "payment-service", "order-service", "refund-service"),
    rollout(outside, "outsider"),
  ]);
});
afterAll(async () => {
  for (const each of namespaces) await each[Symbol.asyncDispose]();
});

/** Waits until ten requests out of ten have the outcome; the change has then reached the proxies. */
async function becomes(
  what: string,
  from: [string, string],
  path: string,
  method: string,
  outcome: (s: Awaited<ReturnType<typeof call>>) => boolean,
): Promise<void> {
  await eventually(
    what,
    async () => outcome(await call(from[0], from[1], `${url}${path}`, { count: 10, method })),
    {
      timeoutMs: 20_000,
    },
  );
}
const status = (code: number) => (s: { byStatus: Readonly<Record<string, number>> }) =>
  s.byStatus[String(code)] === 10;
const order: [string, string] = [ns, "deploy/order-service"];
const refund: [string, string] = [ns, "deploy/refund-service"];
const outsider: [string, string] = [outside, "deploy/outsider"];

describe("PeerAuthentication", () => {
  it("PERMISSIVE, the default, serves a caller outside the mesh", async () => {
    await becomes("the outsider is served", outsider, "/", "GET", status(200));
  });

  it("STRICT refuses the caller outside and serves the one inside", async () => {
    await apply(peerAuthentication(ns, "STRICT"));
    await becomes("the outsider is refused", outsider, "/", "GET", (s) => s.ok === 0);
    await becomes("the insider is served", order, "/", "GET", status(200));
  });

  it("STRICT leaves the kubelet's probes working", async () => {
    const pods = await get<{ items: { status: { containerStatuses: { ready: boolean }[] } }[] }>([
      "pods",
      "-n",
      ns,
    ]);
    expect(pods.items.every((pod) => pod.status.containerStatuses.every((c) => c.ready))).toBe(true);
  });

  it("DISABLE makes callers in the mesh speak plaintext", async () => {
    await apply(peerAuthentication(ns, "DISABLE"));
    await becomes("the insider is served", order, "/", "GET", status(200));
    await becomes("the outsider is served", outsider, "/", "GET", status(200));
    await kubectl(["delete", "peerauthentication", "default", "-n", ns]);
  });
});

describe("AuthorizationPolicy", () => {
  it("allows by principal, method and path, and denies the rest with 403", async () => {
    const principal = (name: string) => `cluster.local/ns/${ns}/sa/${name}`;
    await apply(
      authorizationPolicy(ns, "payment-policy", "payment-service", {
        action: "ALLOW",
        rules: [
          {
            from: [{ source: { principals: [principal("order-service")] } }],
            to: [{ operation: { methods: ["POST"], paths: ["/api/v1/charge"] } }],
          },
          {
            from: [{ source: { principals: [principal("refund-service")] } }],
            to: [{ operation: { methods: ["POST"], paths: ["/api/v1/refund"] } }],
          },
        ],
      }),
    );
    await becomes("an order may charge", order, "/api/v1/charge", "POST", status(200));
    await becomes("an order may not GET", order, "/api/v1/charge", "GET", status(403));
    await becomes("an order may not refund", order, "/api/v1/refund", "POST", status(403));
    await becomes("a refund may refund", refund, "/api/v1/refund", "POST", status(200));
    await becomes("a caller without identity may nothing", outsider, "/api/v1/charge", "POST", status(403));
    await becomes(
      "a path written otherwise is the same path",
      order,
      "/api/v1/./charge",
      "POST",
      status(200),
    );
  });

  it("DENY beats ALLOW", async () => {
    await apply(
      authorizationPolicy(ns, "no-charges", "payment-service", {
        action: "DENY",
        rules: [{ to: [{ operation: { paths: ["/api/v1/charge"] } }] }],
      }),
    );
    await becomes("charging is denied", order, "/api/v1/charge", "POST", status(403));
    await becomes("refunds are not", refund, "/api/v1/refund", "POST", status(200));
  });

  it("an empty spec denies everything in the namespace", async () => {
    await kubectl(["delete", "authorizationpolicy", "--all", "-n", ns]);
    await becomes("without policies all is allowed", order, "/", "GET", status(200));
    await apply({ ...authorizationPolicy(ns, "deny-all", undefined, {}) });
    await becomes("then nothing", order, "/", "GET", status(403));
    await becomes("nor from outside", outsider, "/", "GET", status(403));
    await apply(
      authorizationPolicy(ns, "allow-specific", "payment-service", {
        action: "ALLOW",
        rules: [
          { from: [{ source: { namespaces: [ns] } }], to: [{ operation: { methods: ["GET", "POST"] } }] },
        ],
      }),
    );
    await becomes("save what another policy allows", order, "/", "GET", status(200));
    await becomes("to callers of the namespace", outsider, "/", "GET", status(403));
    await kubectl(["delete", "authorizationpolicy", "--all", "-n", ns]);
  });
});

describe("least privilege", () => {
  it("gives a proxy's identity the compiled kinds and nothing else", async () => {
    const as = [
      `--as=system:serviceaccount:${ns}:order-service`,
      "--as-group=system:serviceaccounts",
      `--as-group=system:serviceaccounts:${ns}`,
    ];
    const can = async (...args: string[]) => {
      try {
        return (await kubectl(["auth", "can-i", ...args, ...as])).trim();
      } catch {
        return "no"; // kubectl exits with 1 for "no"
      }
    };
    expect(await can("watch", "serviceconfigs.mesh.weft.dev", "--all-namespaces")).toBe("yes");
    expect(await can("watch", "workloadconfigs.mesh.weft.dev", "-n", ns)).toBe("yes");
    expect(await can("watch", "workloadconfigs.mesh.weft.dev", "-n", "kube-system")).toBe("no");
    expect(await can("patch", "serviceconfigs.mesh.weft.dev", "--subresource=status", "-n", ns)).toBe("no");
    expect(await can("get", "secrets", "-n", ns)).toBe("no");
    expect(await can("list", "pods", "-n", ns)).toBe("no");
  });

  it("leaves the application and the proxy without capabilities, and only istio-init with NET_ADMIN", async () => {
    interface Container {
      name: string;
      securityContext?: {
        capabilities?: { add?: string[]; drop?: string[] };
        readOnlyRootFilesystem?: boolean;
        runAsUser?: number;
      };
    }
    for (const pod of await podsIn<{ spec: { initContainers: Container[] } }>(ns)) {
      const init = pod.spec.initContainers.find((c) => c.name === "istio-init");
      const proxy = pod.spec.initContainers.find((c) => c.name === "istio-proxy");
      expect(init?.securityContext?.capabilities).toEqual({ add: ["NET_ADMIN"], drop: ["ALL"] });
      expect(proxy?.securityContext?.capabilities).toEqual({ drop: ["ALL"] });
      expect(proxy?.securityContext?.readOnlyRootFilesystem).toBe(true);
      expect(proxy?.securityContext?.runAsUser).toBe(1337);
    }
  });
});
