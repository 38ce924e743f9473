import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStandaloneFile, StandaloneFileError } from "./standalone-file.ts";

const parse = (value: unknown) =>
  parseStandaloneFile(
    "/etc/weft/proxy/proxy.json",
    typeof value === "string" ? value : JSON.stringify(value),
  );

describe("proxy.json", () => {
  it("says where to listen, who the proxy is, and what it probes", () => {
    const identity = { certificate: "cert.pem", key: "key.pem", trust: "roots.pem" };
    const probe = { httpGet: { port: 8080, path: "/ready" }, timeoutSeconds: 2 };
    const settings = parse({
      outbound: [{ listen: "127.0.0.1:15001", destination: "10.96.0.10:80" }, { listen: "[::1]:15001" }],
      inbound: [{ listen: "localhost:0" }],
      mutual: "127.0.0.1:15008",
      admin: "127.0.0.1:15020",
      identity,
      accessLogEncoding: "JSON",
      probes: { "/app-health/app/readyz": probe },
    });
    expect(settings).toEqual({
      listeners: {
        outbound: [
          { host: "127.0.0.1", port: 15001, destination: { address: "10.96.0.10", port: 80 } },
          { host: "::1", port: 15001 },
        ],
        inbound: [{ host: "localhost", port: 0 }],
        mutual: { host: "127.0.0.1", port: 15008 },
        admin: { all: { host: "127.0.0.1", port: 15020 }, readiness: undefined, metrics: undefined },
      },
      identity,
      accessLogEncoding: "JSON",
      probes: new Map([["/app-health/app/readyz", probe]]),
    });
    expect(parse({}).listeners.outbound).toEqual([]);
  });

  it.each([
    ["[]", "the file: expected a JSON object, found []"],
    ['{"admin": }', 'line 1, column 11: expected a value, found "}"'],
    [{ outbuond: [] }, "outbuond: expected one of outbound, inbound, mutual, admin,"],
    [
      { outbound: "127.0.0.1:1" },
      'outbound: expected a list as [{"listen": "127.0.0.1:15001"}], found "127.0.0.1:1"',
    ],
    [
      { outbound: [{}] },
      "outbound[0].listen: expected HOST:PORT as 127.0.0.1:15001 or [::1]:15001, found nothing",
    ],
    [{ outbound: [{ listen: ":1" }] }, 'found ":1"'],
    [{ outbound: [{ listen: "a:65536" }] }, "outbound[0].listen: expected HOST:PORT as"],
    [{ outbound: [{ listen: "::1:80" }] }, "outbound[0].listen: expected HOST:PORT as"],
    [{ outbound: [{ listen: "a:1", to: 1 }] }, "outbound[0].to: expected one of listen, destination"],
    [
      { outbound: [{ listen: "a:1", destination: "web.demo:80" }] },
      'outbound[0].destination: expected ADDRESS:PORT as 10.96.0.10:80 or [fd00::10]:80, found "web.demo:80"',
    ],
    [
      { outbound: [{ listen: "a:1", destination: "10.0.0.1:0" }] },
      "outbound[0].destination: expected ADDRESS:PORT",
    ],
    [
      { inbound: [{ listen: "a:1" }], admin: "a:1" },
      "admin: expected an address of its own, as inbound[0].listen has this one",
    ],
    [{ admin: 15020 }, "admin: expected HOST:PORT as 127.0.0.1:15001 or [::1]:15001, found 15020"],
    [{ mutual: "a:1" }, 'mutual: expected "identity" beside it, found none'],
    [
      { identity: { certificate: "a", key: "b" } },
      "identity.trust: expected the name of a PEM file in the folder of this file, found nothing",
    ],
    [{ accessLogEncoding: "YAML" }, 'accessLogEncoding: expected TEXT or JSON, found "YAML"'],
    [
      { probes: { ready: { tcpSocket: { port: 1 } } } },
      'probes["ready"]: expected a path that begins with "/"',
    ],
    [
      { probes: { "/a": { exec: {} } } },
      'probes["/a"].exec: expected one of httpGet, tcpSocket, grpc, timeoutSeconds',
    ],
    [{ probes: { "/a": { timeoutSeconds: 1 } } }, 'probes["/a"]: expected one of httpGet, tcpSocket, grpc'],
    [
      { probes: { "/a": { grpc: { port: "http" } } } },
      'probes["/a"].grpc.port: expected a port from 1 to 65535, found "http"',
    ],
  ])("is refused with its field: %j", (value, message) => {
    expect(() => parse(value)).toThrow(StandaloneFileError);
    expect(() => parse(value)).toThrow(message);
  });

  it("tells of all that is wrong with it at once", () => {
    expect(() => parse({ admin: "x", outbound: [{ listen: 1 }] })).toThrow(
      /^\/etc\/weft\/proxy\/proxy\.json cannot be used:\n {2}outbound\[0\]\.listen: .*\n {2}admin: .*\n/,
    );
  });

  it("is either taken or refused, whatever it says", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom("outbound", "mutual", "identity", "probes"),
        (value, name) => {
          for (const each of [value, { [name]: value }, { [name]: [value] }]) {
            try {
              parse(JSON.stringify(each));
            } catch (error) {
              expect(error).toBeInstanceOf(StandaloneFileError);
            }
          }
        },
      ),
    );
  });
});
