import { X509Certificate } from "node:crypto";
import { connect, createServer } from "node:tls";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createFakeClock, type FakeClock } from "../../kube/clock.fake.ts";
import { silentLog } from "../../kube/log.ts";
import { day, fakeSource, makeAuthority, type TestAuthority, testNow } from "./authority.fixture.ts";
import type { AuthoritySource } from "./authority-files.ts";
import { createServing, type Serving, type ServingCertificate, servingNames } from "./serving.ts";

let ca: TestAuthority;
let serving: Serving | undefined;
beforeAll(async () => {
  ca = await makeAuthority();
});
afterEach(() => serving?.close());

const names = servingNames("control-default", "istio-system");

async function setUp(
  authority: AuthoritySource = fakeSource(ca.authority),
  clock: FakeClock = createFakeClock(testNow),
) {
  const made: ServingCertificate[] = [];
  serving = createServing({ authority, names, clock, log: silentLog, onCertificate: (c) => made.push(c) });
  await serving.start();
  return { made, clock };
}
/** Making a certificate takes real time, which a fake clock does not wait for. */
const until = (what: () => boolean) => expect.poll(what, { interval: 5, timeout: 5_000 }).toBe(true);

describe("control's serving certificate", () => {
  it("names the Service for seven days, signed by the mesh's authority", async () => {
    const { made } = await setUp();
    const certificate = new X509Certificate(made[0]?.cert ?? "");
    expect(certificate.subjectAltName).toBe(
      "DNS:control-default.istio-system.svc, DNS:control-default.istio-system.svc.cluster.local",
    );
    expect(certificate.validToDate.getTime()).toBe(testNow + 7 * day);
    expect(certificate.verify(new X509Certificate(ca.files["ca-cert.pem"]).publicKey)).toBe(true);
  });

  it("is made anew after two thirds of its life, and not before", async () => {
    const { made, clock } = await setUp();
    await clock.advance(4.6 * day);
    expect(made).toHaveLength(1);
    await clock.advance(0.1 * day);
    await until(() => made.length === 2);
    expect(made[1]?.notAfter).toBeGreaterThan(made[0]?.notAfter ?? 0);
  });

  it("is made anew as soon as the authority changes", async () => {
    const source = fakeSource(ca.authority);
    const { made } = await setUp(source);
    const next = await makeAuthority({ root: ca.root });
    source.replace(next.authority);
    await until(() => made.length === 2);
    const certificate = new X509Certificate(made[1]?.cert ?? "");
    expect(certificate.verify(new X509Certificate(next.files["ca-cert.pem"]).publicKey)).toBe(true);
  });

  it("waits for an authority", async () => {
    const source = fakeSource();
    const { made } = await setUp(source);
    expect(serving?.current()).toBeUndefined();
    source.replace(ca.authority);
    await until(() => made.length === 1);
  });

  it("leaves no timer when closed", async () => {
    const { clock } = await setUp();
    serving?.close();
    expect(clock.pending).toBe(0);
  });

  it("serves TLS that a client with the bundle verifies by the Service's name", async () => {
    // The client judges by the machine's own clock.
    const now = Date.now();
    const real = await makeAuthority({ validity: { notBefore: now - day, notAfter: now + day } });
    const { made } = await setUp(fakeSource(real.authority), createFakeClock(now));
    const { key, cert } = made[0] ?? {};
    const server = createServer({ key, cert });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const socket = connect({ port, host: "127.0.0.1", ca: real.authority.trustBundle, servername: names[0] });
    await new Promise<void>((done, fail) => socket.once("secureConnect", done).once("error", fail));
    expect(socket.authorized).toBe(true);
    socket.destroy();
    await new Promise((done) => server.close(done));
  });
});
