import { describe, expect, it } from "vitest";
import { casesIn } from "./junit.ts";

describe("a JUnit report", () => {
  it("names the cases that passed, failed and were skipped", () => {
    const report = `<?xml version="1.0"?><testsuites><testsuite name="x">
      <testcase package="http2/3.5" classname="Sends a preface" time="0.1"></testcase>
      <testcase package="http2/4.2" classname="Sends &lt;big&gt;" time="0.1"><failure>
        Expect: GOAWAY Frame
        Actual: Timeout
      </failure></testcase>
      <testcase package="hpack/2" classname="c"><skipped/></testcase>
    </testsuite></testsuites>`;
    expect(casesIn(report)).toEqual([
      { name: "http2/3.5 Sends a preface", failure: "" },
      { name: "http2/4.2 Sends <big>", failure: "Expect: GOAWAY Frame Actual: Timeout" },
      { name: "hpack/2 c", failure: "failed" },
    ]);
  });
});
