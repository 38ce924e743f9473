/** The cases in a JUnit report as h2spec writes it. */
export interface ReportedCase {
  readonly name: string;
  /** Why it failed, in one line; "" when it passed. */
  readonly failure: string;
}

const testCase = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** A skipped case counts as failed: nobody has seen it pass. */
export function casesIn(report: string): ReportedCase[] {
  return [...report.matchAll(testCase)].map(([, attributes = "", body = ""]) => {
    const attribute = (name: string) =>
      new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1]?.trim() ?? "";
    const name = [attribute("package"), attribute("classname")].filter((each) => each !== "").join(" ");
    const failed = /<(failure|error|skipped)\b/.test(body);
    const text = plain(body).replace(/\s+/g, " ").trim();
    return { name: plain(name), failure: failed ? text || "failed" : "" };
  });
}

function plain(xml: string): string {
  return xml
    .replace(/<[^>]*>/g, " ")
    .replace(/&#x?[0-9A-Fa-f]+;/g, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}
