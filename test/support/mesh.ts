/** The mesh resources that several end-to-end tests and benchmarks apply. */

/** DestinationRule of `payment-service` with the subsets v1 and v2. */
export function subsets(namespace: string, host = "payment-service"): object {
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "DestinationRule",
    metadata: { name: host, namespace },
    spec: {
      host,
      subsets: [
        { name: "v1", labels: { version: "v1" } },
        { name: "v2", labels: { version: "v2" } },
      ],
    },
  };
}

/** VirtualService that sends `weight` per cent to v2, and all of `x-canary: "true"`. */
export function canary(namespace: string, weight: number, host = "payment-service"): object {
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "VirtualService",
    metadata: { name: host, namespace },
    spec: {
      hosts: [host],
      http: [
        {
          match: [{ headers: { "x-canary": { exact: "true" } } }],
          route: [{ destination: { host, subset: "v2" } }],
        },
        {
          route: [
            { destination: { host, subset: "v1" }, weight: 100 - weight },
            { destination: { host, subset: "v2" }, weight },
          ],
        },
      ],
    },
  };
}

/** PeerAuthentication `default` of a namespace. */
export function peerAuthentication(namespace: string, mode: "STRICT" | "PERMISSIVE" | "DISABLE"): object {
  return {
    apiVersion: "security.istio.io/v1beta1",
    kind: "PeerAuthentication",
    metadata: { name: "default", namespace },
    spec: { mtls: { mode } },
  };
}

/** AuthorizationPolicy for the workloads with label `app`. */
export function authorizationPolicy(
  namespace: string,
  name: string,
  app: string | undefined,
  spec: object,
): object {
  const selector = app === undefined ? {} : { selector: { matchLabels: { app } } };
  return {
    apiVersion: "security.istio.io/v1beta1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace },
    spec: { ...selector, ...spec },
  };
}
