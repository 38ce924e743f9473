import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createFakeClock, settle } from "../../kube/clock.fake.ts";
import { silentLog } from "../../kube/log.ts";
import { createTokenKeys } from "./token-keys.ts";

const jwk = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({ format: "jwk" });

function setUp() {
  const state = { away: false, issuer: "https://one" as unknown, asked: 0 };
  const request = async (_method: string, path: string) => {
    state.asked++;
    if (state.away) throw new Error("away");
    return { status: 200, body: path === "/openid/v1/jwks" ? { keys: [jwk] } : { issuer: state.issuer } };
  };
  const clock = createFakeClock();
  return { state, clock, keys: createTokenKeys({ client: { request }, clock, log: silentLog }) };
}

describe("the API server's token keys", () => {
  it("are read at the start and every five minutes", async () => {
    const { state, clock, keys } = setUp();
    await keys.start();
    expect(keys.current()).toMatchObject({ issuer: "https://one", keys: [expect.anything()] });
    state.issuer = "https://two";
    await clock.advance(5 * 60_000);
    await settle();
    expect(keys.current()?.issuer).toBe("https://two");
    keys.close();
  });

  it("stay as they were when a refresh fails, which is tried again after ten seconds", async () => {
    const { state, clock, keys } = setUp();
    await keys.start();
    state.away = true;
    await clock.advance(5 * 60_000);
    await settle();
    expect(keys.current()?.issuer).toBe("https://one");
    const asked = state.asked;
    await clock.advance(10_000);
    expect(state.asked).toBeGreaterThan(asked);
    keys.close();
  });

  it("are not taken from a document without an issuer", async () => {
    const { state, keys } = setUp();
    state.issuer = 7;
    await keys.start();
    expect(keys.current()).toBeUndefined();
    keys.close();
  });

  it("are left alone once closed", async () => {
    const { clock, keys } = setUp();
    await keys.start();
    keys.close();
    expect(clock.pending).toBe(0);
  });
});
