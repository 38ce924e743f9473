import { expect, it } from "vitest";
import { Revocations } from "./revocations.ts";

it("lists are read once, and again when they or the authorities have changed", async () => {
  const revocations = new Revocations();
  const first = revocations.of("/lists", "none", "none");
  expect(revocations.of("/lists", "none", "none")).toBe(first);
  await expect(first).rejects.toThrow("expected a PEM revocation list, found none");
  const second = revocations.of("/lists", "none", "others");
  expect(second).not.toBe(first);
  const third = revocations.of("/lists", "others", "others");
  expect(third).not.toBe(second);
  await expect(third).rejects.toThrow("found none");
});
