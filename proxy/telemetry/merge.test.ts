import { describe, expect, it } from "vitest";
import { mergeExpositions } from "./merge.ts";

const page = (requests: number, expiry: number, extra = "") =>
  `# HELP requests Requests.\n# TYPE requests counter\nrequests{code="200",path="a b"} ${requests}\n${extra}# HELP weft_certificate_expiry_seconds When.\n# TYPE weft_certificate_expiry_seconds gauge\nweft_certificate_expiry_seconds ${expiry}\n`;

describe("the metrics of several processes", () => {
  it("add up by series, but for what all have in common", () => {
    expect(mergeExpositions([page(1, 10), page(2, 12, 'requests{code="500"} 4\n'), page(3, 11)])).toBe(
      `# HELP requests Requests.\n# TYPE requests counter\nrequests{code="200",path="a b"} 6\nrequests{code="500"} 4\n# HELP weft_certificate_expiry_seconds When.\n# TYPE weft_certificate_expiry_seconds gauge\nweft_certificate_expiry_seconds 12\n`,
    );
  });

  it("of one are its own", () => {
    expect(mergeExpositions([page(1, 10)])).toBe(page(1, 10));
    expect(mergeExpositions([])).toBe("");
  });
});
