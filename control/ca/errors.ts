/** One row of the certificate authority's error table; docs/errors.md holds the same rows. */
export interface CaErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  readonly message: string;
  /** What the reader does next. */
  readonly hint: string;
}

/** Every error that the certificate endpoint answers with. */
export const caErrors = {
  WEFT_CA_BAD_REQUEST: {
    status: 400,
    message: "the request body is not what this endpoint takes",
    hint: 'Send a JSON object {"csr": "<PEM>"} with Content-Type: application/json.',
  },
  WEFT_CA_BAD_CSR: {
    status: 400,
    message: "the certificate signing request cannot be used",
    hint: "Send one PEM block CERTIFICATE REQUEST (PKCS #10) that holds a P-256 key and is signed with it.",
  },
  WEFT_CA_UNSUPPORTED_KEY: {
    status: 400,
    message: "the key of the certificate signing request is of a kind that is not signed",
    hint: "Make an ECDSA key on the curve P-256.",
  },
  WEFT_CA_NO_TOKEN: {
    status: 401,
    message: "the request carries no service-account token",
    hint: "Send Authorization: Bearer TOKEN with the token projected for the audience istio-ca.",
  },
  WEFT_CA_BAD_TOKEN: {
    status: 401,
    message: "the service-account token is not valid here",
    hint: "Read the token file anew: the kubelet replaces it before it expires. Its audience must be istio-ca.",
  },
  WEFT_CA_NOT_A_WORKLOAD: {
    status: 403,
    message: "the token does not belong to a service account",
    hint: "Only pods get workload certificates. Use the token of the pod's own service account.",
  },
  WEFT_CA_UNKNOWN_POD: {
    status: 403,
    message: "the token's pod is unknown",
    hint: "While the API server is away, certificates go only to pods seen before. Ask again when it is back.",
  },
  WEFT_CA_TOO_LARGE: {
    status: 413,
    message: "the request is larger than a certificate signing request can be",
    hint: "Send a certificate signing request without attributes: about 400 bytes.",
  },
  WEFT_CA_RATE_LIMITED: {
    status: 429,
    message: "too many certificate requests from this caller",
    hint: "Wait as long as Retry-After says. A proxy asks once at start and once in half a certificate's life.",
  },
  WEFT_CA_OVERLOADED: {
    status: 503,
    message: "too many certificate requests are waiting",
    hint: "Wait as long as Retry-After says and ask again; more replicas of control sign more.",
  },
  WEFT_CA_UNVERIFIABLE: {
    status: 503,
    message: "the token can be verified neither by the API server nor without it",
    hint: "Check that control reaches the API server: it has no keys yet to verify tokens by itself.",
  },
  WEFT_CA_NO_AUTHORITY: {
    status: 503,
    message: "there is no signing certificate that is valid now",
    hint: "See condition CertificatesValid of the MeshInstallation, and the Secret istio-ca-secret or cacerts.",
  },
} as const satisfies Record<string, CaErrorEntry>;

export type CaErrorCode = keyof typeof caErrors;

/** A refusal to sign, with its row of the table; `detail` says what was found. */
export class CaError extends Error {
  override readonly name = "CaError";
  readonly code: CaErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: CaErrorCode,
    detail?: string,
    options: { retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    const message = caErrors[code].message;
    super(detail === undefined ? message : `${message}: ${detail}`, { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return caErrors[this.code].status;
  }

  get hint(): string {
    return caErrors[this.code].hint;
  }
}
