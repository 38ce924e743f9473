/** Why a token is refused, in the words that clients of Istio know; the text is the body of the response. */

export interface JwtRefusal {
  readonly refused: true;
  /** A token for another audience is 403: it is good, but not here. */
  readonly status: 401 | 403;
  readonly message: string;
  /** For the access log, without spaces. */
  readonly details: string;
}

function refusal(message: string, status: 401 | 403 = 401): JwtRefusal {
  const details = `jwt_authn_access_denied{${message.replaceAll(" ", "_")}}`;
  return Object.freeze({ refused: true, status, message, details });
}

export const BAD_FORMAT = refusal(
  "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
);
export const TOO_LARGE = refusal("Jwt is larger than 16 KiB");
export const TOO_DEEP = refusal("Jwt is nested too deeply");
export const TOO_MANY = refusal("The request carries more than 8 Jwts");
export const HEADER_BASE64 = refusal("Jwt header is an invalid Base64url encoded");
export const HEADER_JSON = refusal("Jwt header is an invalid JSON");
export const HEADER_ALG = refusal("Jwt header [alg] field is required and must be a string");
export const UNKNOWN_ALG = refusal("Jwt header [alg] is not supported");
export const HEADER_KID = refusal("Jwt header [kid] field is not a string");
export const HEADER_CRIT = refusal("Jwt header [crit] is not supported");
export const PAYLOAD_BASE64 = refusal("Jwt payload is an invalid Base64url encoded");
export const PAYLOAD_JSON = refusal("Jwt payload is an invalid JSON");
export const PAYLOAD_ISS = refusal("Jwt payload [iss] field is not a string");
export const PAYLOAD_SUB = refusal("Jwt payload [sub] field is not a string");
export const PAYLOAD_AUD = refusal("Jwt payload [aud] field is not a string or string list");
export const PAYLOAD_EXP = refusal("Jwt payload [exp] field is not a positive integer");
export const PAYLOAD_NBF = refusal("Jwt payload [nbf] field is not a positive integer");
export const SIGNATURE_BASE64 = refusal("Jwt signature is an invalid Base64url encoded");
export const UNKNOWN_ISSUER = refusal("Jwt issuer is not configured");
export const EXPIRED = refusal("Jwt is expired");
export const NOT_YET_VALID = refusal("Jwt not yet valid");
export const WRONG_AUDIENCE = refusal("Audiences in Jwt are not allowed", 403);
export const NO_KEYS = refusal("Jwks remote fetch is failed");
export const NO_MATCHING_KEY = refusal("Jwks doesn't have key to match kid or alg from Jwt");
export const BAD_SIGNATURE = refusal("Jwt verification fails");
