/** What the API server refuses by itself, with what it says: field and message. */
export interface Refusal {
  readonly name: string;
  readonly plural: string;
  readonly spec: unknown;
  /** Field path and message as the answer has them. */
  readonly says: string;
}

/** Makes the refusals of one kind. */
export const refusalOf =
  (plural: string) =>
  (name: string, spec: unknown, says: string): Refusal => ({ name, plural, spec, says });

/** What is said of a duration that is none, or too short. */
export const duration = `expected a duration of at least 1ms, such as "500ms", "1.5s" or "1h"`;
