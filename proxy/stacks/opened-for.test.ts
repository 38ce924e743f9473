import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cluster, ClusterPolicy } from "../config/view.ts";
import { type Asking, type OpenedFor, openedFor } from "./opened-for.ts";

interface Asked {
  readonly host?: string;
  readonly tls?: Partial<ClusterPolicy["tls"]>;
  readonly proxyProtocol?: "V1" | "V2";
  readonly authority?: string;
  readonly rewritten?: string;
  readonly method?: string;
  readonly peerPort?: number;
}

function asked(fields: Asked): OpenedFor | undefined {
  const { host = "*.example.com", proxyProtocol, peerPort = 4000, rewritten } = fields;
  const tls = { mode: "SIMPLE", subjectAltNames: [], ...fields.tls };
  const cluster = { host, policy: { tls, proxyProtocol } } as unknown as Cluster;
  const request: Asking = {
    method: fields.method ?? "GET",
    authority: fields.authority ?? "a.example.com",
    edits: rewritten === undefined ? undefined : { host: rewritten },
    destination: { address: "10.0.0.1", port: 80 },
    exchange: { downstream: { peerAddress: "198.18.0.9", peerPort } },
  };
  return openedFor(request, cluster);
}

describe("a connection of a cluster", () => {
  it.each<[string, Asked]>([
    ["of a host that is no wildcard", { host: "api.example.com" }],
    ["whose policy names the server", { tls: { sni: "b.example.com" } }],
    ["in plaintext", { tls: { mode: "AUTO" } }],
  ])("%s serves any request", (_name, fields) => {
    expect(asked(fields)).toBeUndefined();
  });

  it.each<[string, Asked, string | undefined]>([
    ["its Host", { authority: "A.example.com" }, "a.example.com"],
    ["its Host without the port", { authority: "a.example.com:8443" }, "a.example.com"],
    ["its Host without the root's dot", { authority: "a.example.com." }, "a.example.com"],
    ["what its route makes of that", { rewritten: "b.example.com" }, "b.example.com"],
    ["nothing, by an address", { authority: "192.0.2.1:443" }, undefined],
    ["nothing, by an address of IPv6", { authority: "[2001:db8::1]:443" }, undefined],
    ["nothing, by what is no name", { authority: "a..example.com" }, undefined],
    ["nothing, by a name that is too long", { authority: `${"a.".repeat(126)}example.com` }, undefined],
    ["nothing, by a CONNECT's target", { method: "CONNECT", authority: "a.example.com:443" }, undefined],
  ])(
    "that TLS is originated to is for the name that a request goes out with: %s",
    (_name, fields, expected) => {
      expect(asked(fields)).toEqual({ key: expected ?? "", header: undefined, serverName: expected });
    },
  );

  it("that the PROXY protocol introduces is for one client's connection to one address", () => {
    const plain = { tls: { mode: "AUTO" }, proxyProtocol: "V1" } as const;
    const one = asked(plain);
    expect(String(one?.header)).toBe("PROXY TCP4 198.18.0.9 10.0.0.1 4000 80\r\n");
    expect(asked(plain)?.key).toBe(one?.key);
    expect(asked({ ...plain, authority: "b.example.com" })?.key).toBe(one?.key);
    expect(asked({ ...plain, peerPort: 4001 })?.key).not.toBe(one?.key);
    expect(asked({ proxyProtocol: "V1" })?.key).not.toBe(one?.key);
  });

  it("is asked for by names that no header line or certificate could be tricked by, whatever Host says", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (authority) => {
        const name = asked({ authority })?.serverName;
        if (name !== undefined) expect(name).toMatch(/^[a-z0-9._-]{1,253}$/);
      }),
    );
  });
});
