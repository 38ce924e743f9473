import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { annotations, withoutEffect } from "./inject/annotations.ts";
import { testSettings } from "./inject/fixtures.ts";
import { ports, written } from "./inject/names.ts";
import { logLevels } from "./inject/options.ts";
import { proxyConfigFields } from "./inject/proxy-config.ts";
import { headerVariables } from "./validate/header-operations.ts";
import { retryConditions } from "./validate/retries.ts";
import { unhonoured } from "./validate/unhonoured.ts";
import { knownKinds, validatedKinds } from "./validate/validate.ts";

const read = (name: string) => readFileSync(join(import.meta.dirname, "../docs", name), "utf8");
const injection = read("injection.md");
const validation = read("validation.md");
const semantics = read("semantics.md");

/** Whatever stands in backquotes. */
const quoted = (text: string) => new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code));

/** Names of annotations and labels: a domain of a mesh or of a tool it speaks to, a slash, a name. */
const annotationName = /^[a-z.]*(?:istio\.io|prometheus\.io|weft\.dev|kubernetes\.io)\/[A-Za-z-]+$/;

describe("docs/injection.md", () => {
  const documented = quoted(injection);
  const section = (title: string) => injection.split(`## ${title}`)[1]?.split(/^##+ /m)[0] ?? "";

  test.each([...Object.values(annotations), ...withoutEffect, ...Object.values(written)])(
    "documents %s",
    (name) => {
      expect(documented).toContain(name);
    },
  );

  test("documents no annotation that the code does not know", () => {
    const known = new Set<string>([
      ...Object.values(annotations),
      ...withoutEffect,
      ...Object.values(written),
      "sidecar.istio.io/inject",
      // Labels, which are documented there too.
      "security.istio.io/tlsMode",
      "service.istio.io/canonical-name",
      "service.istio.io/canonical-revision",
      "app.kubernetes.io/name",
      "app.kubernetes.io/version",
    ]);
    const names = [...documented].filter((code) => annotationName.test(code ?? ""));
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => !known.has(name ?? ""))).toEqual([]);
  });

  test("lists as without effect what is, and nothing else", () => {
    const listed = [...quoted(section("Without effect"))].filter((code) => annotationName.test(code ?? ""));
    expect(listed.sort()).toEqual([...withoutEffect].sort());
  });

  test.each([...proxyConfigFields, ...logLevels])("documents %s", (name) =>
    expect(documented).toContain(name),
  );

  test("gives each port's number", () => {
    const rows = [...section("Ports").matchAll(/^\| ([0-9]+) \|/gm)].map(([, port]) => Number(port));
    expect(rows.sort()).toEqual(Object.values(ports).sort());
  });

  test("tells the defaults of a fresh installation", () => {
    const { resources, ignoredNamespaces, logLevel, concurrency, drainSeconds } = testSettings();
    expect(injection).toContain(
      `requests ${resources.requests?.cpu} CPU and ${resources.requests?.memory} memory and is limited to ${resources.limits?.memory} memory`,
    );
    for (const namespace of ignoredNamespaces) expect(documented).toContain(namespace);
    expect(injection).toContain(`| the mesh's; \`${logLevel}\` |`);
    expect(injection).toContain(`| ${concurrency}, true, ${drainSeconds}s |`);
  });
});

describe("docs/validation.md", () => {
  test("has a section for each kind that is checked", () => {
    const titles = [...validation.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(["Values", ...validatedKinds, "Other kinds"]);
  });

  test("names every other kind that is admitted", () => {
    const others = validation.split("## Other kinds")[1] ?? "";
    for (const kind of knownKinds) expect(others.includes(kind)).toBe(!validatedKinds.includes(kind));
  });

  test.each(headerVariables)("documents the variable %s", (name) => {
    expect(quoted(validation)).toContain(name);
  });

  test.each(retryConditions)("documents the retry condition %s", (name) => {
    expect(quoted(validation)).toContain(name);
  });
});

describe("docs/semantics.md", () => {
  test("lists the fields that are not honoured yet, row by row as the table of the webhook has them", () => {
    const section = semantics.split("## Accepted, and not honoured yet")[1]?.split(/^## /m)[0] ?? "";
    const documented = section.split("\n").filter((line) => /^\| [A-Z][A-Za-z]+ \| `/.test(line));
    const rows = unhonoured.map(({ kind, field, values, instead }) => {
      const only = values === undefined ? "" : `: ${values.map((value) => `\`${value}\``).join(", ")}`;
      return `| ${kind} | \`${field}\`${only} | ${instead} |`;
    });
    expect(documented).toEqual(rows);
  });
});
