import { isValidAt, readCertificates, unique, writeCertificates } from "../../control/ca/index.ts";
import type { CertificateReason } from "../reasons.ts";
import { type CertificateSecrets, chosenSecret, isOurs, readRoot, readSecret } from "./decide.ts";

/** What is to be said and used of the certificates at a moment. */
export interface CertificateReport {
  /** The Secret that control signs with. */
  readonly secretName: string;
  /** PEM of the anchors that control's certificate may lead to; "" while there are none. */
  readonly trustBundle: string;
  readonly status: "True" | "False";
  readonly reason: CertificateReason;
  readonly message: string;
  /** Milliseconds since the epoch; undefined where there is no certificate. */
  readonly intermediateEnd: number | undefined;
  readonly rootEnd: number | undefined;
}

const day = 24 * 60 * 60_000;
/** The operator's own intermediate is renewed four months before its end; a user's may be shorter-lived. */
const soonMs = 14 * day;

/** Judges the Secrets as they are. */
export function reportCertificates(
  secrets: CertificateSecrets,
  namespace: string,
  now: number,
): CertificateReport {
  const { name, secret } = chosenSecret(secrets);
  const where = `Secret ${namespace}/${name}`;
  const reading = secret === undefined ? undefined : readSecret(secret);
  const authority = reading?.authority;
  const common = {
    secretName: name,
    trustBundle: bundleOf(secrets),
    intermediateEnd: authority?.notAfter,
    rootEnd: readRoot(secrets.root)?.notAfter,
  };
  const say = (status: "True" | "False", reason: CertificateReason, message: string) => ({
    ...common,
    status,
    reason,
    message,
  });
  if (reading === undefined) return say("False", "SecretMissing", `${where} is not there yet`);
  if (authority === undefined)
    return say("False", "SecretInvalid", reading.error ?? `${where} cannot be read`);
  const end = new Date(authority.notAfter).toISOString().slice(0, 19);
  if (!isValidAt(authority, now)) {
    return say(
      "False",
      "Expired",
      `the signing certificate in ${where} is valid until ${end}Z; ${remedy(secret)}`,
    );
  }
  if (authority.notAfter - now < soonMs) {
    return say("True", "ExpiresSoon", `the signing certificate in ${where} ends ${end}Z; ${remedy(secret)}`);
  }
  return say("True", "Valid", `workload certificates are signed with ${where} until ${end}Z`);
}

function remedy(secret: Parameters<typeof isOurs>[0] | undefined): string {
  return secret !== undefined && isOurs(secret)
    ? "the operator renews it; its log says what keeps it from doing so"
    : "it was brought from outside: put a new one in its place";
}

/** Of both Secrets where both are there: while control moves from one to the other, either may have signed. */
function bundleOf({ authority, brought }: CertificateSecrets): string {
  const texts = [brought, authority].flatMap((secret) =>
    secret === undefined ? [] : [readSecret(secret).authority?.trustBundle ?? ""],
  );
  return writeCertificates(unique(texts.flatMap((text) => readCertificates(text, "trust bundle"))));
}
