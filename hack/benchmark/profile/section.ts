/** A profile as text: for the terminal and for the document. */
import { aligned } from "../table.ts";

export interface Share {
  readonly name: string;
  /** Per cent. */
  readonly share: number;
}

/** What one proxy did; of a pair there are two. */
export interface ProxyProfile {
  readonly role: "client's proxy" | "server's proxy" | "proxy";
  /** Time by what ran: kernel, runtime, JavaScript. */
  readonly parts: readonly Share[];
  /** Functions of the kernel and the runtime. */
  readonly native: readonly Share[];
  /** JavaScript's functions, per cent of JavaScript's time. */
  readonly functions: readonly Share[];
  /** System calls for a request (or whatever the scenario counts), the frequent ones. */
  readonly calls: readonly { readonly name: string; readonly each: number }[];
  /** Bytes allocated for each, buffers included. */
  readonly allocated: number;
}

export interface ProfileRecord {
  readonly date: string;
  readonly machine: string;
  readonly unit: string;
  readonly proxies: readonly ProxyProfile[];
}

const TOP = 12;

export function profileSection([scenario, { date, machine, unit, proxies }]: [
  string,
  ProfileRecord,
]): string {
  const sections = proxies.map((proxy) => describe(proxy, unit));
  return [`### ${scenario}`, ...sections, `- ${date}, ${machine}; \`hack/bench profile ${scenario}\``].join(
    "\n\n",
  );
}

function describe({ role, parts, native, functions, calls, allocated }: ProxyProfile, unit: string): string {
  const list = (shares: readonly Share[]) =>
    shares.map(({ name, share }) => `${name} ${share.toFixed(0)} %`).join(", ");
  const counted = calls.map(({ name, each }) => `${name} ${each.toFixed(2)}`).join(", ");
  const rows = functions.slice(0, TOP).map((each, i) => {
    const other = native[i];
    return [
      each.name,
      each.share.toFixed(1),
      other?.name ?? "",
      other === undefined ? "" : other.share.toFixed(1),
    ];
  });
  return [
    `The ${role}: ${list(parts)}. System calls for each ${unit}: ${counted}. Allocated: ${allocated.toFixed(0)} bytes for each ${unit}.`,
    "",
    aligned([["JavaScript", "% of it", "kernel and runtime", "% of all"], ...rows]),
  ].join("\n");
}
