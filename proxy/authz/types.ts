/** What an authorization decision is made from: the connection, and the request when the port speaks HTTP. */
export interface AuthzRequest {
  /** The peer's identity without `spiffe://` (`cluster.local/ns/foo/sa/bar`); "" for a plaintext peer. */
  readonly principal: string;
  /** The address of the peer of the connection. */
  readonly sourceIp: string;
  /** The original client's address (`remoteAddress`); of opaque TCP the peer's. */
  readonly remoteIp: string;
  readonly destinationIp: string;
  /** The container port. */
  readonly destinationPort: number;
  readonly sni: string | undefined;
  /** Undefined for opaque TCP: policies then see the connection alone. */
  readonly http: AuthzHttp | undefined;
}

export interface AuthzHttp {
  readonly method: string;
  /** Host header or :authority as received, port included. */
  readonly host: string;
  /** Normalised (`normalizePath`), without the query. */
  readonly path: string;
  /** By lower-case name; repeated headers joined with ",". */
  header(name: string): string | undefined;
  /** What the request's verified token says; undefined without one. */
  readonly token: TokenClaims | undefined;
}

export interface TokenClaims {
  /** `issuer/subject`; "" unless the token has both. */
  readonly principal: string;
  readonly audiences: readonly string[];
  /** Who it was issued to; "" when it does not say. */
  readonly presenter: string;
  /** The values under a path of claim names; [] for none. */
  values(path: readonly string[]): readonly string[];
}

/** Shared frozen objects: no allocation per request. */
export interface Decision {
  readonly allowed: boolean;
  /** For the access log: `rbac_access_denied_matched_policy[ns[NS]-policy[NAME]-rule[N]]`, or "none" for no match. */
  readonly detail: string;
}
