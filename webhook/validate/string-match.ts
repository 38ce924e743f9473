import { exclusive, type Field } from "./field.ts";
import { checkRegex } from "./values.ts";

export interface StringMatchRule {
  /** An empty prefix matches everything; sensible for paths alone. */
  readonly emptyPrefix?: boolean;
  /** A regex of a literal `*` means that the header is there. */
  readonly star?: boolean;
}

/** A StringMatch: one of `exact`, `prefix`, `regex`, or none, which means presence. */
export function checkStringMatch(field: Field, rule: StringMatchRule = {}): void {
  if (!field.object(["exact", "prefix", "regex"])) return;
  exclusive(field, ["exact", "prefix", "regex"]);
  field.at("exact").text();
  const prefix = field.at("prefix");
  if (prefix.text() === "" && rule.emptyPrefix !== true) prefix.invalid("must not be empty");
  const regex = field.at("regex");
  if (rule.star === true && regex.value === "*") return;
  checkRegex(regex);
}
