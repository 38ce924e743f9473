/** The certificate authority, as control's main and the operator use it. */
export {
  type Authority,
  type AuthorityFiles,
  authorityFiles,
  isValidAt,
  readAuthority,
} from "./authority.ts";
export { type AuthoritySource, createAuthorityFiles } from "./authority-files.ts";
export { createIntermediate, createRoot, type KeyPairPem, readSigningKey } from "./certificates.ts";
export { CaError, type CaErrorCode, caErrors } from "./errors.ts";
export { createCertificateHandler } from "./handler.ts";
export { readCertificates, unique, validity, writeCertificates } from "./pem.ts";
export { certificateRoutes } from "./routes.ts";
export { createServing, type ServingCertificate, servingNames } from "./serving.ts";
export { createSigner, type Signer } from "./signer.ts";
export { caAudience, createTokenVerifier, type TokenVerifier } from "./token.ts";
export { createTokenKeys } from "./token-keys.ts";
