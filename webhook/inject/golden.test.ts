import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Document, isCollection, parse, visit } from "yaml";
import { decodePatch, patched, podReview, testSettings } from "./fixtures.ts";
import { handleInject } from "./handle.ts";
import type { InjectionSettings } from "./settings.ts";

/**
 * One `NAME.case.yaml` a pod shape, written by hand, and beside it `NAME.generated.yaml`, the answer. To write the
 * answers anew after a wanted change: WEFT_UPDATE_GOLDENS=1 vitest run webhook/inject/golden.test.ts
 */
const folder = join(import.meta.dirname, "testdata");
const update = process.env.WEFT_UPDATE_GOLDENS === "1";

interface Case {
  readonly what: string;
  readonly namespace?: string;
  readonly namespaceLabels?: Record<string, string>;
  readonly settings?: Partial<InjectionSettings>;
  readonly pod: Record<string, unknown>;
}

const names = readdirSync(folder)
  .filter((file) => file.endsWith(".case.yaml"))
  .map((file) => file.slice(0, -".case.yaml".length));

function answer(shape: Case) {
  const review = handleInject(
    podReview(shape.pod, shape.namespace),
    testSettings(shape.settings),
    () => shape.namespaceLabels,
  );
  const { patch, ...response } = review.response ?? { uid: "", allowed: false };
  return { response, operations: decodePatch(patch) };
}

/** YAML with short maps and lists on one line, so that a golden fits a screen or two. */
function compactYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Collection(_key, node) {
      const json = JSON.stringify(node);
      if (isCollection(node) && json.length <= 100 && !json.includes("\\n")) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

describe("the answer to each pod shape is the golden one", () => {
  test("there are at least 30 shapes", () => expect(names.length).toBeGreaterThanOrEqual(30));

  for (const name of names) {
    const shape = parse(readFileSync(join(folder, `${name}.case.yaml`), "utf8")) as Case;
    test(`${name}: ${shape.what}`, () => {
      const { response, operations } = answer(shape);
      const golden = join(folder, `${name}.generated.yaml`);
      if (update) {
        const text = compactYaml({ response, patch: operations });
        writeFileSync(golden, `# Generated from ${name}.case.yaml; see golden.test.ts.\n${text}`);
      }
      expect(existsSync(golden), `${golden} is missing: run with WEFT_UPDATE_GOLDENS=1`).toBe(true);
      expect({ response, patch: operations }).toEqual(parse(readFileSync(golden, "utf8")));
      if (operations.length === 0) return;
      const result = patched(shape.pod, operations);
      expect(answer({ ...shape, pod: result }).operations).toEqual([]);
    });
  }
});
