import { describe, expect, it } from "vitest";
import type { Change } from "../../kube/index.ts";
import { createStore } from "../../kube/index.ts";
import { createPublished, type PublishedConfig } from "./published.ts";

const config = (version: number, hash: string, uid = "u1"): PublishedConfig => ({
  metadata: { name: "web", namespace: "ns", uid, resourceVersion: String(version) },
  status: { hash },
});

function stand() {
  const indexers = { all: () => ["all"] };
  const store = createStore<PublishedConfig>(indexers);
  let emit = (_change: Change<PublishedConfig>) => {};
  const published = createPublished(
    {
      store,
      onChange: (handler) => {
        emit = handler;
        return () => {};
      },
    },
    indexers,
  );
  const drifted: string[] = [];
  published.onDrift(({ metadata }) => drifted.push(metadata.name));
  return {
    published,
    drifted,
    hash: () => published.get("ns/web")?.hash,
    event(object: PublishedConfig) {
      const old = store.set(object);
      emit(old === undefined ? { type: "add", object } : { type: "update", object, old });
    },
    gone(object: PublishedConfig) {
      store.delete("ns/web");
      emit({ type: "delete", object });
    },
  };
}

describe("what is published", () => {
  it("is what was written last, before the watch tells, and after", () => {
    const { published, hash, event, drifted } = stand();
    published.wrote(config(11, "h1"));
    expect(hash()).toBe("h1");
    expect(published.byIndex("all", "all")).toHaveLength(1);
    event(config(11, "h1"));
    expect(hash()).toBe("h1");
    expect(published.byIndex("all", "all")).toHaveLength(1);
    expect(drifted).toEqual([]);
  });

  it("does not fall back to an older write of ours whose event comes late", () => {
    const { published, hash, event, drifted } = stand();
    published.wrote(config(11, "h1"));
    published.wrote(config(12, "h2"));
    event(config(11, "h1"));
    expect(hash()).toBe("h2");
    event(config(12, "h2"));
    expect(hash()).toBe("h2");
    expect(drifted).toEqual([]);
  });

  it("knows a write whose event overtook its answer", () => {
    const { published, hash, event, drifted } = stand();
    event(config(10, "h0"));
    drifted.length = 0;
    published.wrote(config(11, "h1"));
    event(config(11, "h1"));
    event(config(12, "tampered"));
    expect(hash()).toBe("tampered");
    expect(drifted).toEqual(["web"]);
  });

  it("has drifted when someone else wrote", () => {
    const { published, hash, event, drifted } = stand();
    published.wrote(config(11, "h1"));
    event(config(13, "theirs"));
    expect(hash()).toBe("theirs");
    expect(drifted).toEqual(["web"]);
  });

  it("has drifted when someone else deleted it, but not when we did", () => {
    const { published, hash, event, gone, drifted } = stand();
    published.wrote(config(11, "h1"));
    gone(config(11, "h1"));
    expect(hash()).toBeUndefined();
    expect(drifted).toEqual(["web"]);
    event(config(20, "h1", "u2"));
    drifted.length = 0;
    published.deleted("ns/web");
    expect(hash()).toBeUndefined();
    gone(config(20, "h1", "u2"));
    expect(drifted).toEqual([]);
  });

  it("stays when the deletion told is that of an older object of the same name", () => {
    const { published, hash, event, gone } = stand();
    event(config(5, "old", "u1"));
    published.wrote(config(9, "new", "u2"));
    gone(config(5, "old", "u1"));
    expect(hash()).toBe("new");
  });
});
