import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "../../../proxy/config/testdata.ts";

/** A proxy under test: how it is started to listen on `port` and forward to `backend`, both on 127.0.0.1. */
export interface Peer {
  readonly name: string;
  readonly command: readonly string[];
}

export interface Ports {
  readonly port: number;
  readonly backend: number;
}

/** The backend: answers 66 bytes. */
export function backend(folder: string, port: number): Peer {
  return nginx(
    "backend",
    folder,
    `server { listen 127.0.0.1:${port} reuseport; location / { return 200 "${"x".repeat(66)}"; } }`,
  );
}

export function nginxPeer(folder: string, { port, backend }: Ports): Peer {
  return nginx(
    "nginx",
    folder,
    `upstream b { server 127.0.0.1:${backend}; keepalive 64; }
     server { listen 127.0.0.1:${port}; location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
  );
}

function nginx(name: string, folder: string, http: string): Peer {
  const file = join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `worker_processes 1; daemon off; master_process off; pid ${file}.pid; error_log ${file}.log;
     events { worker_connections 4096; }
     http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}; proxy_temp_path ${folder};
       fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; ${http} }`,
  );
  return { name, command: ["nginx", "-c", file, "-p", folder] };
}

export function haproxyPeer(folder: string, { port, backend }: Ports): Peer {
  const file = join(folder, "haproxy.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server b 127.0.0.1:${backend}
`,
  );
  return { name: "HAProxy", command: ["haproxy", "-db", "-f", file] };
}

/** Undefined where the executable is not below `installed`. */
export function envoyPeer(folder: string, installed: string, { port, backend }: Ports): Peer | undefined {
  const executable = find(installed, "envoy");
  if (executable === undefined) return undefined;
  const address = (at: number) => ({ socket_address: { address: "127.0.0.1", port_value: at } });
  const file = join(folder, "envoy.json");
  const manager = {
    "@type":
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "b" } }] },
      ],
    },
  };
  writeFileSync(
    file,
    JSON.stringify({
      static_resources: {
        listeners: [
          {
            name: "in",
            address: address(port),
            filter_chains: [
              { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
            ],
          },
        ],
        clusters: [
          {
            name: "b",
            connect_timeout: "5s",
            type: "STATIC",
            load_assignment: {
              cluster_name: "b",
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backend) } }] }],
            },
          },
        ],
      },
    }),
  );
  return { name: "Envoy", command: [executable, "-c", file, "--concurrency", "1", "--log-level", "error"] };
}

function find(folder: string, name: string): string | undefined {
  try {
    const entry = readdirSync(folder, { recursive: true, withFileTypes: true }).find(
      (each) => each.isFile() && each.name === name && !each.parentPath.endsWith("/bin"),
    );
    return entry === undefined ? undefined : join(entry.parentPath, entry.name);
  } catch {
    return undefined;
  }
}

/** The outbound stack with what a canary needs: a header match, two weighted subsets, least request, retries, metrics. */
export function weftPeer(folder: string, executable: string, { port, backend }: Ports): Peer {
  const own = join(folder, "weft");
  mkdirSync(join(own, "proxy"), { recursive: true });
  const versioned = (version: string) =>
    endpoint("127.0.0.1", { ports: [{ port: 80, target: backend }], labels: { version } });
  const leastRequest = { loadBalancer: { simple: "LEAST_REQUEST" as const } };
  const canary = {
    ...forward(destination("demo", "web", { subset: "v2" })),
    matches: [
      {
        headers: [{ name: "x-canary", kind: "exact" as const, value: "true" }],
        withoutHeaders: [],
        queryParams: [],
      },
    ],
  };
  const split = forward(
    destination("demo", "web", { subset: "v1", weight: 90 }),
    destination("demo", "web", { subset: "v2", weight: 10 }),
  );
  writeFileSync(
    join(own, "objects.json"),
    JSON.stringify([
      indexObject("demo", [entry("demo", "web", { addresses: ["198.18.0.1"] })]),
      serviceObject("demo", "web", {
        common: view({
          http: [canary, split],
          clusters: [subset("", leastRequest), subset("v1", leastRequest), subset("v2", leastRequest)],
        }),
      }),
      endpointsObject("demo", "web", [versioned("v1"), versioned("v2")]),
      workloadObject("demo", "client"),
    ]),
  );
  writeFileSync(
    join(own, "proxy", "proxy.json"),
    JSON.stringify({ outbound: [{ listen: `127.0.0.1:${port}`, destination: "198.18.0.1:80" }] }),
  );
  return { name: "Weft", command: [executable, "--config", own] };
}
