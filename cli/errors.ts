/** How a command fails. */

/** Wrong use of the command line: exit code 2, with the command's usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something that a person has to mend; the message says what was found, what was expected and what to do next. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
