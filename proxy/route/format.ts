/**
 * Header values with `%VARIABLE%`s, as Envoy's format strings: `%%` is a percent sign; `%NAME(argument):9%` takes an
 * argument and the most characters to keep. A variable without a value is empty.
 */

/** The value of a variable by its name and argument ("" without one); undefined when there is none. */
export type Lookup = (name: string, argument: string) => string | undefined;

const VARIABLE = /%(?:%|([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d{1,5}))?%)/g;

/** Whether a value differs from one request to the next. */
export function isFormat(value: string): boolean {
  return value.includes("%");
}

/** The value with its variables filled in. */
export function expandValue(value: string, lookup: Lookup): string {
  if (!isFormat(value)) return value;
  return value.replace(VARIABLE, (whole, name?: string, argument?: string, most?: string) => {
    if (whole === "%%" || name === undefined) return "%";
    const found = lookup(name, argument ?? "") ?? "";
    return most === undefined ? found : found.slice(0, Number(most));
  });
}

/** A value that came through a variable or a pattern must not begin a line of its own. */
export function oneLine(value: string): string {
  return value.replace(/[\r\n\0]/g, " ");
}
