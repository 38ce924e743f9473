/** Envoy's response flags of one request, as its access log joins them. Pure. */

/** In the order of Envoy's own list, as far as we set them. */
const ORDER: readonly string[] = [
  "UH",
  "UT",
  "UF",
  "UC",
  "UO",
  "NR",
  "DI",
  "FI",
  "DC",
  "URX",
  "NC",
  "UPE",
  "DPE",
];

/** The flags with one more; "-" stands for none. */
export function withFlag(flags: string, flag: string): string {
  if (flags === "-") return flag;
  const all = [...flags.split(","), flag];
  return all.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)).join(",");
}
