import { describe, expect, it } from "vitest";
import { createFakeClock, settle } from "../../kube/clock.fake.ts";
import { silentLog } from "../../kube/log.ts";
import { createIssuerKeys } from "./keys.ts";
import { sourcesOf } from "./sources.ts";

const set = (kid: string) => JSON.stringify({ keys: [{ kty: "RSA", kid, n: "A", e: "AQAB" }] });

function setUp() {
  const documents = new Map<string, string>();
  const asked: string[] = [];
  const clock = createFakeClock();
  const keys = createIssuerKeys({
    async fetch(address) {
      asked.push(address);
      const document = documents.get(address);
      if (document === undefined) throw new Error("away");
      return document;
    },
    allowLocal: () => false,
    clock,
    random: () => 0.5,
    log: silentLog,
  });
  const told: (readonly [string, string | undefined])[] = [];
  keys.onChange((source, jwks) => told.push([source, jwks]));
  const follow = (...sources: string[]) => keys.follow(new Map(sources.map((source) => [source, 5_000])));
  return { documents, asked, clock, keys, told, follow };
}

const at = "https://issuer.example/keys";

describe("an issuer's keys", () => {
  it("are fetched at once, and again every twenty minutes, and told of when they change", async () => {
    const { documents, asked, clock, keys, told, follow } = setUp();
    documents.set(at, set("1"));
    follow(at);
    await keys.asked();
    expect([...keys.known()]).toEqual([[at, set("1")]]);
    await clock.advance(20 * 60_000);
    expect(asked).toHaveLength(2);
    expect(told).toHaveLength(1);
    documents.set(at, set("2"));
    await clock.advance(20 * 60_000);
    await settle();
    expect(told).toEqual([
      [at, set("1")],
      [at, set("2")],
    ]);
    keys.close();
  });

  it("are found by discovery", async () => {
    const { documents, keys, follow } = setUp();
    const issuer = "https://issuer.example/realm/";
    documents.set("https://issuer.example/realm/.well-known/openid-configuration", `{"jwks_uri":"${at}"}`);
    documents.set(at, set("1"));
    follow(`discover:${issuer}`);
    await keys.asked();
    expect(keys.known().get(`discover:${issuer}`)).toBe(set("1"));
    keys.close();
  });

  it.each([
    ["nothing answers", undefined],
    ["what answers is no JSON", "<html>"],
    ["what answers has no keys", '{"keys":[]}'],
  ])("are not there while %s, which is tried again after 1 s, 2 s, 4 s", async (_, document) => {
    const { documents, asked, clock, keys, follow } = setUp();
    if (document !== undefined) documents.set(at, document);
    follow(at);
    await keys.asked();
    expect(keys.known().size).toBe(0);
    for (const [seconds, count] of [
      [1, 2],
      [2, 3],
      [4, 4],
    ] as const) {
      await clock.advance(seconds * 1_000 - 1);
      expect(asked).toHaveLength(count - 1);
      await clock.advance(1);
      await settle();
      expect(asked).toHaveLength(count);
    }
    documents.set(at, set("1"));
    await clock.advance(8_000);
    await settle();
    expect(keys.known().get(at)).toBe(set("1"));
    keys.close();
  });

  it("stay while a refresh fails", async () => {
    const { documents, clock, keys, told, follow } = setUp();
    documents.set(at, set("1"));
    follow(at);
    await keys.asked();
    documents.clear();
    await clock.advance(3 * 20 * 60_000);
    expect(keys.known().get(at)).toBe(set("1"));
    expect(told).toHaveLength(1);
    keys.close();
  });

  it("of before stand in until they are fetched", async () => {
    const { documents, clock, keys, told, follow } = setUp();
    follow(at);
    await keys.asked();
    keys.remember(
      new Map([
        [at, set("1")],
        ["https://unwanted.example", set("1")],
      ]),
    );
    expect([...keys.known()]).toEqual([[at, set("1")]]);
    documents.set(at, set("2"));
    await clock.advance(1_000);
    await settle();
    expect(told).toEqual([[at, set("2")]]);
    keys.remember(new Map([[at, set("1")]]));
    expect(keys.known().get(at)).toBe(set("2"));
    keys.close();
  });

  it("that nobody wants any more are forgotten, and not asked for", async () => {
    const { documents, asked, clock, keys, told, follow } = setUp();
    documents.set(at, set("1"));
    follow(at);
    await keys.asked();
    follow();
    expect(told.at(-1)).toEqual([at, undefined]);
    await clock.advance(60 * 60_000);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
    keys.close();
  });

  it("are fetched once, however often they are named", async () => {
    const { asked, keys, follow } = setUp();
    follow(at);
    follow(at);
    await keys.asked();
    expect(asked).toHaveLength(1);
    keys.close();
  });
});

describe("where keys are", () => {
  it("is what rules without keys of their own name, each within the longest time that one gives", () => {
    const policy = (...jwtRules: object[]) => ({ metadata: { name: "r" }, spec: { jwtRules } });
    expect(
      sourcesOf([
        policy({ issuer: "a", jwks: "{}" }, { issuer: "https://b" }, { jwksUri: at, timeout: "1s" }),
        policy({ jwksUri: at, timeout: "7s" }, { jwks_uri: "https://c", timeout: "1h" }, {}),
        { metadata: { name: "empty" } },
      ]),
    ).toEqual(
      new Map([
        ["discover:https://b", 5_000],
        [at, 7_000],
        ["https://c", 30_000],
      ]),
    );
  });
});
