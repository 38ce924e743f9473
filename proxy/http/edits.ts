/** What a proxy changes in a head on its way, in terms that a writer of either version acts on. */
import { FORWARDED_CLIENT_CERT } from "./field-kinds.ts";

/** Besides what HTTP itself demands; members that are absent change nothing. */
export interface HeadEdits {
  /** Replaces path and query. */
  readonly path?: string | undefined;
  /** Replaces Host. */
  readonly host?: string | undefined;
  /** Lower-case names to drop. */
  readonly remove?: ReadonlySet<string> | undefined;
  /** Whole header lines, each with its CRLF, added at the end. */
  readonly add?: string | undefined;
}

/** What no plaintext peer may claim: who it is. */
export const DROP_CLIENT_CERT = 1 << FORWARDED_CLIENT_CERT;
