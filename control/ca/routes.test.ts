import fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CertificateRequest } from "./handler.ts";
import { certificateRoutes } from "./routes.ts";

let app: FastifyInstance;
let seen: CertificateRequest[];
beforeEach(async () => {
  seen = [];
  app = fastify();
  await app.register(
    certificateRoutes(async (request) => {
      seen.push(request);
      return {
        status: 201,
        headers: { "cache-control": "no-store" },
        body: { certificates: ["L"], trustBundle: "B", notAfter: "2026-01-02T00:00:00Z" },
      };
    }),
  );
});
afterEach(() => app.close());

const post = (payload: string, headers: Record<string, string> = {}) =>
  app.inject({
    method: "POST",
    url: "/v1/certificates",
    headers: { "content-type": "application/json", authorization: "Bearer t", ...headers },
    payload,
  });

describe("the certificate route", () => {
  it("hands token, body and address to the handler, and its reply back", async () => {
    const reply = await post('{"csr":"C"}');
    expect(reply.statusCode).toBe(201);
    expect(reply.headers["cache-control"]).toBe("no-store");
    expect(reply.json()).toEqual({ certificates: ["L"], trustBundle: "B", notAfter: "2026-01-02T00:00:00Z" });
    expect(seen).toEqual([{ authorization: "Bearer t", body: { csr: "C" }, remoteAddress: "127.0.0.1" }]);
  });

  it.each([
    ["no JSON", "{", {}, 400, "WEFT_CA_BAD_REQUEST"],
    ["nothing", "", {}, 400, "WEFT_CA_BAD_REQUEST"],
    ["another type", "x", { "content-type": "application/xml" }, 400, "WEFT_CA_BAD_REQUEST"],
    ["a prototype for our objects", '{"__proto__":{"csr":"x"}}', {}, 400, "WEFT_CA_BAD_REQUEST"],
    ["more than a request can be", JSON.stringify({ csr: "x".repeat(9_000) }), {}, 413, "WEFT_CA_TOO_LARGE"],
  ])("refuses a body of %s in its own words", async (_name, payload, headers, status, code) => {
    const reply = await post(payload, headers);
    expect(reply.statusCode).toBe(status);
    expect(reply.json()).toEqual({ code, message: expect.any(String), hint: expect.any(String) });
    expect(seen).toEqual([]);
  });
});
