/**
 * What tests have set of VirtualServices and DestinationRules. It guards against forgetting a field, no more: that a manifest sets
 * one shows nothing of it, which is what the test that applies the manifest is for.
 */
import { destinationRule } from "../../crds/destination-rule.ts";
import { virtualService } from "../../crds/virtual-service.ts";
import { fieldsOf, unhonoured } from "../../webhook/validate/unhonoured.ts";
import { cuts, enumeratedIn, isWithin, leavesOf, refused } from "./fields.ts";

export const ledgerKinds = ["VirtualService", "DestinationRule"] as const;
export type LedgerKind = (typeof ledgerKinds)[number];

const schemas = {
  VirtualService: virtualService.spec.openapi,
  DestinationRule: destinationRule.spec.openapi,
} as const;

interface Manifest {
  readonly kind?: string;
  readonly spec?: unknown;
}

export class Ledger {
  readonly #set: Readonly<Record<LedgerKind, Set<string>>> = {
    VirtualService: new Set(),
    DestinationRule: new Set(),
  };

  add(objects: readonly Manifest[]): void {
    for (const { kind: name, spec } of objects) {
      const kind = ledgerKinds.find((each) => each === name);
      if (kind === undefined) continue;
      for (const { path, value } of cuts(schemas[kind], spec))
        for (const entry of placesOf(path)) this.#set[kind].add(entry).add(valued(entry, value));
    }
  }

  /** What is honoured of a kind, and no object has set: `FIELD`, and `FIELD: VALUE` of enumerations. */
  missing(kind: LedgerKind): string[] {
    return wanted(kind).filter((entry) => !this.#set[kind].has(entry));
  }
}

/** Every field that is let in and acted on, and each value of those that have a choice. */
function wanted(kind: LedgerKind): string[] {
  const schema = schemas[kind];
  const rows = unhonoured.filter((row) => row.kind === kind && row.values === undefined);
  const idle = rows.flatMap(fieldsOf);
  const isHonoured = (path: string) => !isWithin(path, idle) && refused[path] === undefined;
  const fields = leavesOf(schema).filter(isHonoured).flatMap(placesOf);
  const values = enumeratedIn(schema)
    .filter(({ path }) => isHonoured(path))
    .map(({ path, value }) => valued(placesOf(path)[0] ?? path, value));
  return [...new Set([...fields, ...values])];
}

const valued = (entry: string, value: unknown) => `${entry}: ${String(value)}`;

/**
 * Under what a field counts. Policies of subsets and ports have the fields of their destination's: a field is to be set in one of
 * them, and each section once at each level.
 */
function placesOf(path: string): string[] {
  const policy = /^((?:subsets\[\]\.)?trafficPolicy\.(?:portLevelSettings\[\]\.)?)([^.[]+)(.*)$/.exec(path);
  if (policy === null) return [path];
  const [, level = "", section = "", rest = ""] = policy;
  return [`trafficPolicy.${section}${rest}`, `${level}${section}`];
}
