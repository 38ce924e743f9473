import { describe, expect, it } from "vitest";
import { codeMappings } from "./code-mappings.ts";

describe("the mappings of the program's code", () => {
  it("are those of files that run and are not written", () => {
    const maps = [
      "00200000-01a42000 r--p 00000000 fe:00 1234       /weft-proxy",
      "01a42000-0684e000 r-xp 01841000 fe:00 1234       /weft-proxy",
      "0684e000-0686d000 rw-p 0664c000 fe:00 1234       /weft-proxy",
      "7f0000000000-7f0040000000 rwxp 00000000 00:00 0 ",
      "7f1000000000-7f1000001000 r-xp 00000000 00:00 0                          [vdso]",
      "7f2000001000-7f2000003000 r-xp 00001000 00:1f 77 /lib/a library.so",
      "",
    ].join("\n");
    expect(codeMappings(maps)).toEqual([
      { start: 0x1a42000n, bytes: 0x4e0c000n },
      { start: 0x7f2000001000n, bytes: 0x2000n },
    ]);
  });
});
