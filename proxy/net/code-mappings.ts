/** proc_pid_maps(5). */
/** Mappings of files that can be run and not written: their pages are the files', unchanged. */
export function codeMappings(maps: string): { readonly start: bigint; readonly bytes: bigint }[] {
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ \S+ [1-9]\d* /gm)].map(
    ([, from = "0", to = "0"]) => {
      const start = BigInt(`0x${from}`);
      return { start, bytes: BigInt(`0x${to}`) - start };
    },
  );
}
