/** JSON that people write by hand: what is wrong is told with its line and column, which the runtime's parser does not say. Pure. */

/** Deeper than any file that the proxy reads; where that is exceeded, the place is told all the same. */
const MAX_DEPTH = 200;

/** Parses a file's text. Throws SyntaxError: `line 3, column 7: expected a value, found "]"`. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const mistake = findMistake(text);
    throw mistake === undefined ? error : new SyntaxError(describe(text, mistake));
  }
}

interface Mistake {
  readonly at: number;
  readonly expected: string;
}

function describe(text: string, { at, expected }: Mistake): string {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return `line ${line}, column ${column}: expected ${expected}, found ${foundAt(text, at)}`;
}

/** A word whole, anything else as its one character. */
function foundAt(text: string, at: number): string {
  const rest = text.slice(at, at + 40);
  if (rest === "") return "the end of the file";
  if (rest.startsWith("\n") || rest.startsWith("\r")) return "the end of the line";
  return JSON.stringify(/^[\w.+-]+/.exec(rest)?.[0] ?? String.fromCodePoint(rest.codePointAt(0) ?? 0));
}

/** The first place where the text is not JSON; undefined when it is. */
export function findMistake(text: string): Mistake | undefined {
  const finder = new Finder(text);
  try {
    finder.document();
    return undefined;
  } catch (error) {
    if (error instanceof Found) return error;
    throw error;
  }
}

class Found extends Error implements Mistake {
  readonly at: number;
  readonly expected: string;
  constructor(at: number, expected: string) {
    super(expected);
    this.at = at;
    this.expected = expected;
  }
}

const SPACE = /[ \t\n\r]*/y;
const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** RFC 8259, as a walk that ends at the first mistake. */
class Finder {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#space();
    this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw new Found(this.#at, "nothing after the value");
  }

  #value(depth: number): void {
    if (depth > MAX_DEPTH) throw new Found(this.#at, `at most ${MAX_DEPTH} levels`);
    const first = this.#text[this.#at];
    if (first === '"') this.#string();
    else if (first === "{") this.#list("}", "a member's name in quotes", () => this.#member(depth));
    else if (first === "[") this.#list("]", "a value", () => this.#value(depth + 1));
    else if (!this.#skip(LITERAL)) throw new Found(this.#at, "a value");
  }

  /** `[…]` or `{…}`: items with a comma between two. */
  #list(end: string, item: string, read: () => void): void {
    this.#at++;
    this.#space();
    if (this.#take(end)) return;
    for (;;) {
      if (this.#text[this.#at] === end) throw new Found(this.#at, `${item} after the comma`);
      read();
      this.#space();
      if (this.#take(end)) return;
      if (!this.#take(",")) throw new Found(this.#at, `"," or "${end}"`);
      this.#space();
    }
  }

  #member(depth: number): void {
    if (this.#text[this.#at] !== '"') throw new Found(this.#at, "a member's name in quotes");
    this.#string();
    this.#space();
    if (!this.#take(":")) throw new Found(this.#at, '":"');
    this.#space();
    this.#value(depth + 1);
  }

  #string(): void {
    this.#at++;
    for (;;) {
      this.#skip(CHARACTERS);
      if (this.#take('"')) return;
      if (this.#text[this.#at] !== "\\") throw new Found(this.#at, "the string's closing quote");
      if (!this.#skip(ESCAPE)) throw new Found(this.#at, "an escape such as \\n or \\u00e9");
    }
  }

  #space(): void {
    this.#skip(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}
