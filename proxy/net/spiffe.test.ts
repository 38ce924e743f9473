import { describe, expect, it } from "vitest";
import { inTrustDomain, judgePeer, spiffeId } from "./spiffe.ts";

const id = "spiffe://cluster.local/ns/demo/sa/web";

describe("a certificate's identity", () => {
  it("is its one URI", () => {
    expect(spiffeId(`URI:${id}`)).toBe(id);
  });

  it.each([
    undefined,
    "",
    "DNS:web.demo",
    `URI:${id}, DNS:web.demo`,
    `DNS:web.demo, URI:${id}`,
    `URI:${id}, URI:${id}`,
    `URI:"${id}"`,
    `URI:${id} `,
    `URI:${id}/x`,
    `URI:${id}?x`,
    "URI:spiffe://cluster.local/ns/demo",
    "URI:spiffe://cluster.local/ns/../sa/web/..",
    "URI:spiffe://Cluster.Local/ns/demo/sa/web",
    "URI:https://cluster.local/ns/demo/sa/web",
    "URI:spiffe:///ns/demo/sa/web",
    `URI:${id}\nURI:x`,
    `URI:spiffe://${"a".repeat(3000)}/ns/demo/sa/web`,
  ])("is refused in %j", (subjectAltName) => {
    expect(spiffeId(subjectAltName)).toBeUndefined();
  });

  it("lies in a trust domain or not, never in one that only begins alike", () => {
    expect(inTrustDomain(id, "cluster.local")).toBe(true);
    expect(inTrustDomain(id, "cluster")).toBe(false);
    expect(inTrustDomain("spiffe://cluster.local.evil/ns/a/sa/b", "cluster.local")).toBe(false);
  });
});

describe("a peer", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const good = {
    chainError: undefined,
    hasCertificate: true,
    subjectAltName: `URI:${id}`,
    notAfter: "Jan  2 00:00:00 2026 GMT",
  };
  const any = () => true;

  it("who proves his identity is let through", () => {
    expect(judgePeer(good, now, (each) => each === id)).toEqual({ kind: "peer", id });
  });

  it.each([
    ["no_certificate", { ...good, hasCertificate: false }],
    ["untrusted", { ...good, chainError: "SELF_SIGNED_CERT_IN_CHAIN" }],
    ["untrusted", { ...good, chainError: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }],
    ["untrusted", { ...good, chainError: "anything else at all" }],
    ["expired", { ...good, chainError: "CERT_HAS_EXPIRED" }],
    ["not_yet_valid", { ...good, chainError: "CERT_NOT_YET_VALID" }],
    // As in a resumed session, whose chain is not looked at again.
    ["expired", { ...good, notAfter: "Dec 31 23:59:59 2025 GMT" }],
    ["expired", { ...good, notAfter: "no date" }],
    ["expired", { ...good, notAfter: undefined }],
    ["identity", { ...good, subjectAltName: "DNS:web" }],
  ] as const)("is refused as %s: %j", (reason, evidence) => {
    expect(judgePeer(evidence, now, any)).toEqual({ kind: "refused", reason });
  });

  it("of another identity than expected is refused", () => {
    expect(judgePeer(good, now, (each) => each === `${id}x`)).toEqual({
      kind: "refused",
      reason: "identity",
    });
  });
});
