import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasName } from "./server-name.ts";

describe("a server's certificate", () => {
  it.each([
    ["DNS:db.example", ["db.example"], true],
    ["DNS:DB.example", ["db.EXAMPLE"], true],
    ["DNS:other.example, DNS:db.example", ["db.example"], true],
    ["DNS:db.example", ["other.example", "db.example"], true],
    ["DNS:*.example.org", ["db.example.org"], true],
    ["DNS:*.example.org", ["a.db.example.org"], false],
    ["DNS:*.example.org", ["example.org"], false],
    ["DNS:*.example.org", [".example.org"], false],
    ["DNS:*.org", ["example.org"], false],
    ["DNS:d*.example.org", ["db.example.org"], false],
    ["DNS:*.*.org", ["db.example.org"], false],
    ["DNS:db.example.evil", ["db.example"], false],
    ["URI:spiffe://td/ns/a/sa/b", ["spiffe://td/ns/a/sa/b"], true],
    ["URI:spiffe://td/ns/a/sa/b", ["spiffe://td/ns/a/sa/B"], false],
    ["URI:db.example", ["db.example"], true],
    ["email:db.example", ["db.example"], false],
    ["IP Address:10.0.0.1", ["10.0.0.1"], true],
    ['DNS:"x, DNS:db.example"', ["db.example"], false],
    ['DNS:"x, DNS:db.example, y"', ["db.example"], false],
    ["", ["db.example"], false],
    [undefined, ["db.example"], false],
    ["DNS:db.example", [], false],
  ] as const)("that prints %j has one of %j: %s", (printed, expected, verdict) => {
    expect(hasName(printed, expected)).toBe(verdict);
  });

  it("is never taken for a name that it does not print", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.domain(), (printed, name) => {
        if (!printed.toLowerCase().includes(name.slice(name.indexOf(".")).toLowerCase())) {
          expect(hasName(printed, [name])).toBe(false);
        }
      }),
    );
  });
});
