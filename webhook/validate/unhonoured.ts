/**
 * Fields that are accepted, as Istio accepts them, and that this version does not act on. Whoever sets one is told so at
 * admission; docs/semantics.md lists the same rows, and a test walks every field of the schemas to see that one which
 * the compiler does not read stands here. To close a gap is to delete its row.
 */
import { isObject } from "../json.ts";
import type { Field } from "./field.ts";

export interface Unhonoured {
  readonly kind: "VirtualService" | "DestinationRule" | "ServiceEntry" | "RequestAuthentication";
  /**
   * Its path in `spec`, with `[]` for any item. Paths that begin with `trafficPolicy` hold for the policies of subsets and
   * ports, too.
   */
  readonly field: string;
  /** Only these values are not honoured, `*` at the end for any rest; absent: the field at all. */
  readonly values?: readonly string[];
  /** What happens instead: short, since warnings are cut at 120 characters. */
  readonly instead: string;
}

export const unhonoured: readonly Unhonoured[] = [
  {
    kind: "VirtualService",
    field: "tcp[].match[].sourceSubnet",
    instead: "it has no effect in Istio either",
  },

  {
    kind: "DestinationRule",
    field: "trafficPolicy.outlierDetection.consecutiveErrors",
    instead: "it has no effect in Istio either",
  },

  {
    kind: "ServiceEntry",
    field: "resolution",
    values: ["DYNAMIC_DNS"],
    instead: "calls go to the address that the client dialled",
  },
  {
    kind: "ServiceEntry",
    field: "workloadSelector",
    instead: "it selects pods, and WorkloadEntries are not read",
  },
  {
    kind: "ServiceEntry",
    field: "endpoints[].address",
    values: ["unix:*"],
    instead: "the endpoint is left out",
  },
  { kind: "ServiceEntry", field: "endpoints[].network", instead: "all networks are one" },

  {
    kind: "RequestAuthentication",
    field: "jwtRules[].presence",
    values: ["REQUIRED"],
    instead: "use an AuthorizationPolicy",
  },
];

const policies = [
  "trafficPolicy",
  "trafficPolicy.portLevelSettings[]",
  "subsets[].trafficPolicy",
  "subsets[].trafficPolicy.portLevelSettings[]",
];

/** Everywhere in a spec that a row speaks of. */
export function fieldsOf({ field }: Pick<Unhonoured, "field">): string[] {
  const within = /^trafficPolicy\.(.*)$/.exec(field)?.[1];
  return within === undefined ? [field] : policies.map((policy) => `${policy}.${within}`);
}

/** Warns of each row that the object makes use of, by the first place where it does. */
export function warnUnhonoured(spec: Field, kind: string, rows = unhonoured): void {
  for (const row of rows) {
    if (row.kind !== kind) continue;
    const used = fieldsOf(row)
      .flatMap((path) => present(spec.value, path.split("."), spec.path))
      .filter(({ value }) => concerns(row, value));
    const [first] = used;
    if (first === undefined) continue;
    const more = used.length > 1 ? ` (and ${used.length - 1} more)` : "";
    const what = row.values === undefined ? "" : ` ${String(first.value)}`;
    spec.tell(`${first.path}:${what} not honoured yet${more}: ${row.instead}`);
  }
}

function concerns({ values }: Unhonoured, value: unknown): boolean {
  if (values === undefined) return true;
  const text = String(value);
  return values.some((one) => (one.endsWith("*") ? text.startsWith(one.slice(0, -1)) : text === one));
}

/** The values that are present under a path, each with where it stands. */
function present(
  value: unknown,
  names: readonly string[],
  path: string,
): { readonly path: string; readonly value: unknown }[] {
  const [name, ...rest] = names;
  if (value === undefined || value === null) return [];
  if (name === undefined) return [{ path, value }];
  const member = name.replace("[]", "");
  if (!isObject(value) || !Object.hasOwn(value, member)) return [];
  const found = value[member];
  if (member === name) return present(found, rest, `${path}.${member}`);
  if (!Array.isArray(found)) return [];
  return found.flatMap((item, index) => present(item, rest, `${path}.${member}[${index}]`));
}
