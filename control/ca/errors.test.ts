import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CaError, type CaErrorCode, caErrors } from "./errors.ts";

const docs = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
const codes = Object.keys(caErrors) as CaErrorCode[];

describe("the error table", () => {
  it.each(codes)("has %s in docs/errors.md with its status, message and hint", (code) => {
    const { status, message, hint } = caErrors[code];
    const row = docs.split("\n").find((line) => line.includes(`\`${code}\``));
    expect(row).toContain(`| ${status} |`);
    expect(row).toContain(message);
    expect(row).toContain(hint);
  });

  it("has every WEFT_CA code of docs/errors.md", () => {
    const documented = new Set(docs.match(/WEFT_CA_[A-Z_]+/g));
    expect([...documented].sort()).toEqual([...codes].sort());
  });

  it("has its statuses among those of the contract", () => {
    for (const code of codes) expect([400, 401, 403, 413, 429, 503]).toContain(caErrors[code].status);
  });

  it("gives an error its row's status and hint, and what was found", () => {
    const error = new CaError("WEFT_CA_TOO_LARGE", "9 bytes");
    expect(error).toMatchObject({ status: 413, hint: caErrors.WEFT_CA_TOO_LARGE.hint, detail: "9 bytes" });
    expect(error.message).toBe(`${caErrors.WEFT_CA_TOO_LARGE.message}: 9 bytes`);
  });
});
