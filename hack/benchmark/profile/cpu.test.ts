import { describe, expect, it } from "vitest";
import { sharesIn } from "./cpu.ts";

describe("samples of perf", () => {
  it("count for the kernel, the runtime, libc or JavaScript by the object they are in", () => {
    const { parts, native } = sharesIn(
      [
        "    ffffffff81a tcp_sendmsg_locked ([kernel.kallsyms])",
        "    ffffffff81b tcp_sendmsg_locked+0x1f ([kernel.kallsyms])",
        "    7fbd153625b3 [unknown] (/tmp/perf-16248.map)",
        "    2a01f00 [unknown] (/opt/weft-proxy)",
        "",
      ].join("\n"),
    );
    expect(parts).toEqual([
      { name: "kernel", share: 50 },
      { name: "JavaScript", share: 25 },
      { name: "runtime", share: 25 },
    ]);
    expect(native).toEqual([{ name: "tcp_sendmsg_locked", share: 50 }]);
  });
});
