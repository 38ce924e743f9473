import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFakeClock, type FakeClock } from "../../kube/clock.fake.ts";
import { silentLog } from "../../kube/log.ts";
import { makeAuthority } from "./authority.fixture.ts";
import { createAuthorityFiles } from "./authority-files.ts";

let directory: string;
let clock: FakeClock;
let source: ReturnType<typeof createAuthorityFiles>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-authority-"));
  clock = createFakeClock();
  source = createAuthorityFiles({ directory, clock, log: silentLog });
});
afterEach(async () => {
  source.close();
  await rm(directory, { recursive: true });
});

async function put(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
}
/** Reading files takes real time, which a fake clock does not wait for: look again until it is so. */
const until = (what: () => boolean) =>
  expect
    .poll(
      async () => {
        await clock.advance(5_000);
        return what();
      },
      { interval: 5, timeout: 5_000 },
    )
    .toBe(true);

describe("the mounted authority", () => {
  it("is there after the start", async () => {
    const { files, authority } = await makeAuthority();
    await put(files);
    await source.start();
    expect(source.current()?.fingerprint).toBe(authority.fingerprint);
  });

  it("is read when it appears, and anew when it changes, telling who listens", async () => {
    const told: string[] = [];
    source.onChange((authority) => told.push(authority.fingerprint));
    await source.start();
    expect(source.current()).toBeUndefined();
    const first = await makeAuthority();
    await put(first.files);
    await until(() => source.current() !== undefined);
    const second = await makeAuthority();
    await put(second.files);
    await until(() => source.current()?.fingerprint === second.authority.fingerprint);
    expect(told).toEqual([first.authority.fingerprint, second.authority.fingerprint]);
  });

  it("stays the last good one while the files do not belong together", async () => {
    const { files, authority } = await makeAuthority();
    await put(files);
    await source.start();
    await put({ "ca-key.pem": (await makeAuthority()).files["ca-key.pem"] });
    await clock.advance(20_000);
    expect(source.current()?.fingerprint).toBe(authority.fingerprint);
  });

  it("is not looked at any more once closed", async () => {
    await source.start();
    source.close();
    expect(clock.pending).toBe(0);
  });
});
