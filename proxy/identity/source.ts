/** What the data path sees of the workload's identity, wherever it comes from. */

/** Certificate and key in use. */
export interface Identity {
  /** Leaf first, then intermediates. */
  readonly certChainPem: string;
  readonly keyPem: string;
  /** PEM anchors to verify peers against. */
  readonly trustBundle: string;
  /** Unix ms. */
  readonly notAfter: number;
  /** `spiffe://TD/ns/NS/sa/SA`, read from the leaf. */
  readonly spiffeId: string;
}

/** The workload's identity, renewed in the background; `onChange` fires after `current()` has the new one. */
export interface IdentitySource {
  current(): Identity | undefined;
  onChange(listener: () => void): () => void;
}
