/**
 * What each document of examples/overview.yaml compiles to, in a small cluster: the objects that differ from those of
 * the cluster without it. The expectations are files beside the cluster's; a change to one is a change to what users'
 * manifests mean.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { type Manifest, objects, snapshotOf } from "./cluster.fake.ts";
import { compile } from "./compile.ts";
import type { CompiledObject } from "./compiled.ts";
import { defaultSettings } from "./inputs.ts";

const here = (path: string) => new URL(path, import.meta.url);
const cluster = objects(readFileSync(here("testdata/cluster.yaml"), "utf8"));
const overview = parseAllDocuments(readFileSync(here("../../examples/overview.yaml"), "utf8")).map(
  (document) => document.toJS() as Manifest,
);
const settings = { ...defaultSettings, trustBundle: "ANCHORS" };

const compileWith = (manifests: readonly Manifest[]) =>
  compile(snapshotOf([...cluster, ...manifests]), settings);
const identity = ({ kind, namespace, name }: CompiledObject) => `${kind} ${namespace}/${name}`;
const without = new Map(compileWith([]).map((object) => [identity(object), object.status.hash]));

describe("the overview's manifests, each alone in a cluster", () => {
  const documents = overview.map((manifest, i) => ({
    title: `${String(i + 1).padStart(2, "0")}-${manifest.kind}-${manifest.metadata.name}`,
    manifest: { ...manifest, metadata: { namespace: "production", generation: 1, ...manifest.metadata } },
  }));

  it("are all here", () => {
    expect(documents.length).toBeGreaterThanOrEqual(14);
  });

  it.each(documents)("$title compiles to what is written down", async ({ title, manifest }) => {
    const changed = compileWith([manifest]).filter(
      (object) => without.get(identity(object)) !== object.status.hash,
    );
    const text = changed.map((object) => stringify(object, { lineWidth: 110, aliasDuplicateObjects: false }));
    await expect(text.join("---\n") || "# nothing\n").toMatchFileSnapshot(`testdata/overview/${title}.yaml`);
  });

  it("compiles the cluster alone to what is written down", async () => {
    const text = compileWith([]).map((object) =>
      stringify(object, { lineWidth: 110, aliasDuplicateObjects: false }),
    );
    await expect(text.join("---\n")).toMatchFileSnapshot("testdata/overview/00-cluster.yaml");
  });
});
