import { X509Certificate } from "node:crypto";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../kube/log.ts";
import { day, makeAuthority, makeCsr, type TestAuthority, testNow } from "./authority.fixture.ts";
import { createSigner, type Signer } from "./signer.ts";

const what = { uri: "spiffe://cluster.local/ns/shop/sa/cart", notBefore: testNow, notAfter: testNow + day };
let ca: TestAuthority;
let csr: string;
let signer: Signer | undefined;
beforeAll(async () => {
  ca = await makeAuthority();
  csr = (await makeCsr()).pem;
});
afterEach(() => signer?.close());

describe("the signer", () => {
  it("signs with the authority it is given, from one request to the next", async () => {
    signer = createSigner({ workers: 1, log: silentLog });
    const other = await makeAuthority();
    for (const { authority } of [ca, other, ca]) {
      const leaf = new X509Certificate(await signer.sign(authority, { csr, ...what }));
      expect(leaf.verify(new X509Certificate(authority.pair.certificate).publicKey)).toBe(true);
    }
  });

  it("signs many at once, each with its own name", async () => {
    signer = createSigner({ workers: 2, log: silentLog });
    const uris = Array.from({ length: 40 }, (_, n) => `spiffe://cluster.local/ns/shop/sa/cart-${n}`);
    const { sign } = signer;
    const leaves = await Promise.all(uris.map((uri) => sign(ca.authority, { ...what, csr, uri })));
    expect(leaves.map((pem) => new X509Certificate(pem).subjectAltName)).toEqual(
      uris.map((uri) => `URI:${uri}`),
    );
  });

  it("hands back the refusal of a bad request", async () => {
    signer = createSigner({ workers: 1, log: silentLog });
    await expect(signer.sign(ca.authority, { ...what, csr: "no" })).rejects.toMatchObject({
      code: "WEFT_CA_BAD_CSR",
      detail: expect.stringContaining("PEM"),
    });
  });

  it("refuses more than may wait, telling when to come back", async () => {
    signer = createSigner({ workers: 1, maxWaiting: 1, log: silentLog });
    const first = signer.sign(ca.authority, { csr, ...what });
    await expect(signer.sign(ca.authority, { csr, ...what })).rejects.toMatchObject({
      code: "WEFT_CA_OVERLOADED",
      retryAfterSeconds: 1,
    });
    await expect(first).resolves.toContain("BEGIN CERTIFICATE");
  });

  it("reports an authority that cannot sign, and goes on with the next", async () => {
    signer = createSigner({ workers: 1, log: silentLog });
    const broken = { ...ca.authority, fingerprint: "broken", pair: { ...ca.authority.pair, key: "no" } };
    await expect(signer.sign(broken, { csr, ...what })).rejects.toThrow(/signing failed/);
    await expect(signer.sign(ca.authority, { csr, ...what })).resolves.toContain("BEGIN CERTIFICATE");
  });

  it("refuses what waits when it closes, and what comes after", async () => {
    signer = createSigner({ workers: 1, log: silentLog });
    const waiting = expect(signer.sign(ca.authority, { csr, ...what })).rejects.toMatchObject({
      code: "WEFT_CA_OVERLOADED",
    });
    await signer.close();
    await waiting;
    await expect(signer.sign(ca.authority, { csr, ...what })).rejects.toMatchObject({
      code: "WEFT_CA_OVERLOADED",
    });
  });
});
