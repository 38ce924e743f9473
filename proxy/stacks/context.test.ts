import { describe, expect, it } from "vitest";
import { outboundSni, portOfSni } from "./context.ts";

describe("the SNI between two proxies", () => {
  it("gives the container port back", () => {
    expect(portOfSni(outboundSni(8080, "v1", "web.demo.svc.cluster.local"))).toBe(8080);
    expect(portOfSni(outboundSni(1, "", "web.demo.svc.cluster.local"))).toBe(1);
  });

  it.each([
    "",
    "web.demo",
    "outbound_.8080_.web",
    "outbound_.0_._.web",
    "outbound_.65536_._.web",
    "outbound_.-1_._.web",
    "outbound_.8080x_._.web",
    "xoutbound_.8080_._.web",
    "outbound_.8080_._.",
  ])("is refused: %j", (sni) => {
    expect(portOfSni(sni)).toBeUndefined();
  });
});
