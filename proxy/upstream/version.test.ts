import { expect, it } from "vitest";
import type { ConnectionPool, Protocol } from "../config/view.ts";
import type { Version } from "../http/streams.ts";
import { upstreamVersion } from "./version.ts";

type Policy = Partial<ConnectionPool>;

it.each<[Version, Protocol, Policy, Version]>([
  [1, "http", {}, 1],
  [2, "http", {}, 1],
  [1, "http2", {}, 2],
  [1, "grpc", {}, 2],
  [2, "grpc", {}, 2],
  [1, "auto", {}, 1],
  [2, "auto", {}, 2],
  [1, "http", { h2UpgradePolicy: "UPGRADE" }, 2],
  [1, "auto", { h2UpgradePolicy: "UPGRADE" }, 2],
  [1, "http2", { h2UpgradePolicy: "DO_NOT_UPGRADE" }, 2],
  [1, "http2", { useClientProtocol: true }, 1],
  [2, "http", { useClientProtocol: true }, 2],
  [1, "http", { useClientProtocol: true, h2UpgradePolicy: "UPGRADE" }, 1],
])(
  "a client of version %i calls a port of %s under %j with version %i",
  (client, protocol, policy, expected) => {
    expect(upstreamVersion(client, protocol, { connectTimeoutMs: 1, ...policy })).toBe(expected);
  },
);
