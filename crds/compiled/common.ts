/** What all compiled objects share: header, protocols and text matches. Times are numbers of milliseconds (`…Ms`). */
import { enumeration, integer, list, object, required, string, strings } from "../schema.ts";

/** A time or size that only has to be a whole number. */
export const whole = (description: string) => integer(description, { minimum: 0 });

export const portNumber = (description: string) => integer(description, { minimum: 0, maximum: 65535 });

export const protocol = (description: string) =>
  enumeration(description, ["http", "http2", "grpc", "https", "tls", "tcp", "auto"]);

export const header = {
  revision: required(string("The control-plane revision that compiled this object.")),
  hash: required(
    string("First 16 hex digits of the SHA-256 of the canonical content; proxies report the one they run."),
  ),
  generations: required(
    strings("What it was made from, sorted: `VirtualService/namespace/name@generation`."),
  ),
  writtenAt: string("When control wrote it, RFC 3339 with milliseconds; not part of the hash."),
};

export const stringMatchKinds = ["exact", "prefix", "regex", "present"] as const;

const matchFields = {
  kind: required(
    enumeration("How the value is compared; a regex is RE2 and must match the whole text.", stringMatchKinds),
  ),
  value: required(string("What to compare with; empty for `present`.")),
};

export const stringMatch = (description: string) => object(description, matchFields);

export const namedMatches = (description: string) =>
  list(
    description,
    object("A name and how its value must look.", {
      name: required(string("The name; a header's is lower case.")),
      ...matchFields,
    }),
  );
