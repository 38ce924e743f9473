/**
 * `DIR/proxy/proxy.json`: where a proxy on its own listens, and who it is. Checked whole before any of it takes effect, and told
 * whole what is wrong with it: people write it by hand. Pure.
 */
import { parseIp } from "../address/cidr.ts";
import type { AppProbe } from "../admin/probes.ts";
import { parseJsonText } from "../config/decode/json-text.ts";
import type { ListenOptions } from "../net/listen.ts";
import type { Destination } from "../net/original-destination.ts";
import { ENCODINGS, type Encoding } from "../telemetry/access-log.ts";
import type { ListenerLayout, ListenerSettings } from "./listeners.ts";
import type { IdentityFiles } from "./standalone-identity.ts";

export interface StandaloneSettings {
  readonly listeners: ListenerLayout;
  readonly identity: IdentityFiles | undefined;
  readonly accessLogEncoding: Encoding;
  /** As `WEFT_APP_PROBES`. */
  readonly probes: ReadonlyMap<string, AppProbe>;
}

/** A file that cannot be used: each problem is `field: expected …, found …`. */
export class StandaloneFileError extends Error {
  override readonly name = "StandaloneFileError";
  constructor(file: string, problems: readonly string[]) {
    super(`${file} cannot be used:\n  ${problems.join("\n  ")}\ndocs/standalone.md lists what it may say.`);
  }
}

const MEMBERS = [
  "outbound",
  "inbound",
  "mutual",
  "admin",
  "readiness",
  "metrics",
  "identity",
  "accessLogEncoding",
  "probes",
];
const PROBE_KINDS = ["httpGet", "tcpSocket", "grpc"];

type Json = Readonly<Record<string, unknown>>;

/** Reads the file's text. Throws StandaloneFileError. */
export function parseStandaloneFile(file: string, text: string): StandaloneSettings {
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    throw new StandaloneFileError(file, [error instanceof Error ? error.message : String(error)]);
  }
  const reader = new Reader();
  const settings = reader.file(value);
  if (reader.problems.length > 0) throw new StandaloneFileError(file, reader.problems);
  return settings;
}

class Reader {
  readonly problems: string[] = [];
  /** Who has an address, by the address. */
  readonly #taken = new Map<string, string>();

  file(value: unknown): StandaloneSettings {
    const file = this.#object("the file", value, MEMBERS) ?? {};
    const settings = {
      listeners: {
        outbound: this.#listeners("outbound", file.outbound),
        inbound: this.#listeners("inbound", file.inbound),
        mutual: this.#listen("mutual", file.mutual),
        admin: {
          all: this.#listen("admin", file.admin),
          readiness: this.#listen("readiness", file.readiness),
          metrics: this.#listen("metrics", file.metrics),
        },
      },
      identity: this.#identity(file.identity),
      accessLogEncoding: this.#encoding(file.accessLogEncoding),
      probes: this.#probes(file.probes),
    };
    if (file.mutual !== undefined && file.identity === undefined)
      this.problems.push('mutual: expected "identity" beside it, found none: mutual TLS needs a certificate');
    return settings;
  }

  #listeners(field: string, value: unknown): ListenerSettings[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#wrong(field, 'a list as [{"listen": "127.0.0.1:15001"}]', value);
      return [];
    }
    return value.flatMap((each: unknown, at) => {
      const where = `${field}[${at}]`;
      const item = this.#object(where, each, ["listen", "destination"]);
      if (item === undefined) return [];
      const listen = this.#listen(`${where}.listen`, item.listen, true);
      const destination = this.#destination(`${where}.destination`, item.destination);
      return listen === undefined ? [] : [destination === undefined ? listen : { ...listen, destination }];
    });
  }

  /** Where to listen: no two at one address, unless the system chooses the port. */
  #listen(field: string, value: unknown, needed = false): ListenOptions | undefined {
    if (value === undefined && !needed) return undefined;
    const address = splitAddress(value);
    if (address === undefined) {
      this.#wrong(field, "HOST:PORT as 127.0.0.1:15001 or [::1]:15001", value);
      return undefined;
    }
    const key = `${address.host}:${address.port}`;
    const other = this.#taken.get(key);
    if (other !== undefined && address.port !== 0)
      this.#wrong(field, `an address of its own, as ${other} has this one`, value);
    this.#taken.set(key, field);
    return address;
  }

  /** Services are found by address: a name is none. */
  #destination(field: string, value: unknown): Destination | undefined {
    if (value === undefined) return undefined;
    const address = splitAddress(value);
    if (address !== undefined && address.port > 0 && parseIp(address.host) !== undefined)
      return { address: address.host, port: address.port };
    this.#wrong(field, "ADDRESS:PORT as 10.96.0.10:80 or [fd00::10]:80", value);
    return undefined;
  }

  #identity(value: unknown): IdentityFiles | undefined {
    if (value === undefined) return undefined;
    const files = this.#object("identity", value, ["certificate", "key", "trust"]);
    if (files === undefined) return undefined;
    const name = (member: string): string => {
      const text = files[member];
      if (typeof text === "string" && text !== "") return text;
      this.#wrong(`identity.${member}`, "the name of a PEM file in the folder of this file", text);
      return "";
    };
    return { certificate: name("certificate"), key: name("key"), trust: name("trust") };
  }

  #encoding(value: unknown): Encoding {
    if (value === undefined) return "TEXT";
    const encoding = ENCODINGS.find((each) => each === value);
    if (encoding === undefined) this.#wrong("accessLogEncoding", ENCODINGS.join(" or "), value);
    return encoding ?? "TEXT";
  }

  #probes(value: unknown): Map<string, AppProbe> {
    const probes = new Map<string, AppProbe>();
    if (value === undefined) return probes;
    for (const [path, each] of Object.entries(this.#object("probes", value) ?? {})) {
      const where = `probes[${JSON.stringify(path)}]`;
      if (!path.startsWith("/")) this.#wrong(where, 'a path that begins with "/"', path);
      const probe = this.#object(where, each, [...PROBE_KINDS, "timeoutSeconds"]);
      if (probe === undefined) continue;
      const [kind, ...more] = PROBE_KINDS.filter((name) => probe[name] !== undefined);
      if (kind === undefined || more.length > 0) {
        this.#wrong(where, `one of ${PROBE_KINDS.join(", ")}`, Object.keys(probe).join(", "));
        continue;
      }
      const { port } = this.#object(`${where}.${kind}`, probe[kind]) ?? { port: 1 };
      if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
        this.#wrong(`${where}.${kind}.port`, "a port from 1 to 65535", port);
      probes.set(path, probe as AppProbe);
    }
    return probes;
  }

  /** An object that has no other members than these. */
  #object(field: string, value: unknown, members?: readonly string[]): Json | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrong(field, "a JSON object", value);
      return undefined;
    }
    for (const name of Object.keys(value)) {
      if (members === undefined || members.includes(name)) continue;
      const path = field === "the file" ? name : `${field}.${name}`;
      this.problems.push(`${path}: expected one of ${members.join(", ")}, found this unknown member`);
    }
    return value as Json;
  }

  #wrong(field: string, expected: string, found: unknown): void {
    const text = found === undefined || found === "" ? "nothing" : JSON.stringify(found).slice(0, 100);
    this.problems.push(`${field}: expected ${expected}, found ${text}`);
  }
}

/** `HOST:PORT`, IPv6 in brackets. */
function splitAddress(value: unknown): { host: string; port: number } | undefined {
  const match =
    typeof value === "string" ? /^(?:\[([\da-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(value) : null;
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? "", port };
}
