import type { FastifyError, FastifyInstance, FastifyPluginAsync } from "fastify";
import { CaError } from "./errors.ts";
import { type CertificateReply, type CertificateRequest, refuse } from "./handler.ts";

/** A request of 4 KB of CSR, in JSON with escaped line ends. */
const maxBodyBytes = 8_192;

/** The certificate endpoint as a fastify plugin: its own body limit, its own errors. */
export function certificateRoutes(
  handle: (request: CertificateRequest) => Promise<CertificateReply>,
): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      const refusal = refuse(toCaError(error));
      return reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
    });
    app.post("/v1/certificates", { bodyLimit: maxBodyBytes }, async (request, reply) => {
      const { headers, body, ip } = request;
      const answer = await handle({ authorization: headers.authorization, body, remoteAddress: ip });
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    });
  };
}

function toCaError(error: FastifyError): CaError {
  return error.statusCode === 413
    ? new CaError("WEFT_CA_TOO_LARGE", `the body has more than ${maxBodyBytes} bytes`)
    : new CaError("WEFT_CA_BAD_REQUEST", error.message);
}
