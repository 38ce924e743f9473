import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock, settle } from "../config/clock.fake.ts";
import { CredentialError, type ObjectData } from "./credential.ts";
import { Credentials } from "./credentials.ts";

let clock: FakeClock;
let asked: string[];
let answer: () => Promise<ObjectData | undefined>;
let credentials: Credentials;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answer = async () => ({ cacert: "one" });
  credentials = new Credentials({
    namespace: "shop",
    read(resource, name) {
      asked.push(`${resource}/${name}`);
      return answer();
    },
    clock,
  });
});

const anchors = async () => (await credentials.of("configmap://roots")).anchors;

describe("a credential", () => {
  it("is read when it is first needed, once for all who wait, and not again for ten seconds", async () => {
    const all = [credentials.of("configmap://roots"), credentials.of("configmap://roots")];
    const [first, second] = await Promise.all(all);
    expect(second).toBe(first);
    await clock.advance(9_999);
    expect(credentials.of("configmap://roots")).toBe(first);
    expect(asked).toEqual(["configmaps/roots"]);
    await clock.advance(1);
    expect(await credentials.of("configmap://roots")).toBe(first);
    expect(asked).toHaveLength(2);
  });

  it("is another once it has changed", async () => {
    expect(await anchors()).toBe("one");
    answer = async () => ({ cacert: "two" });
    expect(await anchors()).toBe("one");
    await clock.advance(10_000);
    expect(await anchors()).toBe("two");
  });

  it("that is not there is asked for again after a second", async () => {
    answer = async () => undefined;
    await expect(anchors()).rejects.toThrow("not found");
    await clock.advance(999);
    await expect(anchors()).rejects.toThrow("not found");
    expect(asked).toHaveLength(1);
    answer = async () => ({ cacert: "one" });
    await clock.advance(1);
    expect(await anchors()).toBe("one");
  });

  it.each<[string, () => Promise<ObjectData | undefined>]>([
    ["is gone", async () => undefined],
    ["may not be read any more", async () => Promise.reject(new CredentialError("forbidden"))],
  ])("that %s is used no more", async (_, next) => {
    expect(await anchors()).toBe("one");
    answer = next;
    await clock.advance(10_000);
    await expect(anchors()).rejects.toThrow(CredentialError);
    await expect(anchors()).rejects.toThrow(CredentialError);
  });

  it("is used on while the API server fails, which is asked once a second", async () => {
    expect(await anchors()).toBe("one");
    answer = async () => Promise.reject(new Error("connection refused"));
    await clock.advance(10_000);
    expect(await anchors()).toBe("one");
    expect(await anchors()).toBe("one");
    expect(asked).toHaveLength(2);
    await clock.advance(1_000);
    expect(await anchors()).toBe("one");
    expect(asked).toHaveLength(3);
  });

  it("that was never read fails with the API server", async () => {
    answer = async () => Promise.reject(new Error("connection refused"));
    await expect(anchors()).rejects.toThrow("connection refused");
  });

  it("is waited for a second where another is known, which is then used", async () => {
    expect(await anchors()).toBe("one");
    let tell: (data: ObjectData) => void = () => {};
    answer = () =>
      new Promise((resolve) => {
        tell = resolve;
      });
    await clock.advance(10_000);
    let found: string | undefined;
    const waiting = anchors().then((pem) => {
      found = pem;
    });
    await clock.advance(999);
    expect(found).toBeUndefined();
    await clock.advance(1);
    await waiting;
    expect(found).toBe("one");
    tell({ cacert: "two" });
    await settle();
    expect(await anchors()).toBe("two");
  });
});
