/** Where the parser of a pattern stands in its text. */

/** Thrown for a pattern that RE2 refuses too, or that exceeds our limits. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

export class Cursor {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get done(): boolean {
    return this.#at >= this.#source.length;
  }

  fail(why: string): never {
    throw new PatternError(
      `the pattern ${JSON.stringify(this.#source)} is no RE2 expression: ${why} at character ${this.#at}`,
    );
  }

  /** A character ahead, "" behind the end; nothing is taken. */
  peek(offset = 0): string {
    return this.#source[this.#at + offset] ?? "";
  }

  /** Takes the text if it comes next. */
  take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes what an expression that begins with `^` finds in the next `most` characters. */
  match(expression: RegExp, most: number): RegExpExecArray | null {
    const found = this.test(expression, most);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  /** As `match`, and takes nothing. */
  test(expression: RegExp, most: number): RegExpExecArray | null {
    return expression.exec(this.#source.slice(this.#at, this.#at + most));
  }

  /** Takes the next character; the pattern must have one. */
  next(): string {
    if (this.done) this.fail("unexpected end");
    return this.#source[this.#at++] ?? "";
  }

  /** Gives the last character back. */
  back(): void {
    this.#at--;
  }

  /** Takes all up to a text, and that; up to the end where there is none. */
  until(text: string): string {
    const end = this.#source.indexOf(text, this.#at);
    const taken = this.#source.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#source.length : end + text.length;
    return taken;
  }
}
