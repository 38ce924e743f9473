import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { corpus } from "./smuggling/corpus.ts";
import { forward, type Message } from "./smuggling/forward.ts";
import { llhttp } from "./smuggling/llhttp.ts";

/**
 * Our HTTP/1 parser against two that many servers use. What we take for a request, and the bytes that we send on for it, they must
 * read as the same request or refuse: a message that they see otherwise is how requests are smuggled.
 */
interface Judgement {
  readonly messages: readonly Message[];
  readonly refused: boolean;
}

/** Tokens on which parsers disagree, to be put anywhere. */
const spice = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  "\t",
  " ",
  ":",
  ",",
  ";",
  "0",
  "5",
  "0\r\n\r\n",
  "chunked",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Connection: close\r\n",
  "Host: b\r\n",
  "\x0b",
  "\x85",
  "\xff",
  "GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\n",
  " HTTP/1.1",
  " HTTP/1.0",
];
const taken = [
  ...corpus.filter(({ serves }) => serves.length > 0).map(({ bytes }) => bytes),
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /n HTTP/1.1\r\nHost: a\r\n\r\n",
  "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n",
];
const seeds = [...corpus.map(({ bytes }) => bytes), ...taken];

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  drop: fc.integer({ min: 0, max: 3 }),
  put: fc.oneof(
    fc.constantFrom(...spice),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  ),
});
/** A seed with a few edits, as bytes. */
const input = fc
  .tuple(fc.oneof(fc.constantFrom(...seeds), fc.constantFrom(...taken)), fc.array(edit, { maxLength: 4 }))
  .map(([seed, edits]) => {
    let text = seed;
    for (const { at, drop, put } of edits) {
      const from = Math.floor(at * text.length);
      text = text.slice(0, from) + put + text.slice(from + drop);
    }
    return Buffer.from(text, "latin1");
  });

/** They agree on every request up to where the judge refuses. */
function expectAgreement(ours: readonly Message[], judge: Judgement): void {
  const judged = judge.refused ? ours.slice(0, judge.messages.length) : ours;
  expect(judge.messages).toEqual(judged);
}

describe("llhttp", () => {
  it("takes what we send on for the requests that we took, or refuses it", () => {
    fc.assert(
      fc.property(input, (bytes) => {
        const { messages, bytes: sent } = forward(bytes);
        expectAgreement(messages, llhttp(sent));
      }),
      { numRuns: 20_000 },
    );
  });

  it("takes what we take for the same request, or refuses it", () => {
    fc.assert(
      fc.property(input, (bytes) => {
        const [ours] = forward(bytes).messages;
        const theirs = llhttp(bytes);
        const [first] = theirs.messages;
        if (ours !== undefined && first !== undefined) expect(first.body).toBe(ours.body);
      }),
      { numRuns: 20_000 },
    );
  });

  it("takes well-formed requests as we do", () => {
    for (const seed of taken.slice(-3)) {
      const { messages, bytes } = forward(Buffer.from(seed, "latin1"));
      expect(messages.length).toBeGreaterThan(0);
      expect(llhttp(bytes)).toEqual({ messages, refused: false });
    }
  });
});

describe("h11", () => {
  const judge = (inputs: readonly Buffer[]): Judgement[] => {
    const parts = inputs.flatMap((bytes) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    });
    const { stdout, stderr, status } = spawnSync(
      "/usr/bin/python3",
      [join(import.meta.dirname, "smuggling/h11_judge.py")],
      { input: Buffer.concat(parts), maxBuffer: 256 * 1024 * 1024, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`h11's judge ended with ${status}: ${stderr}`);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Judgement);
  };

  it("takes what we send on for the requests that we took, or refuses it", () => {
    const forwarded = fc
      .sample(input, 20_000)
      .map(forward)
      .filter(({ messages }) => messages.length > 0);
    expect(forwarded.length).toBeGreaterThan(1_000);
    const judgements = judge(forwarded.map(({ bytes }) => bytes));
    expect(judgements).toHaveLength(forwarded.length);
    for (const [i, { messages, bytes }] of forwarded.entries()) {
      const judgement = judgements[i] as Judgement;
      try {
        expectAgreement(messages, judgement);
      } catch (error) {
        throw new Error(`sent on: ${JSON.stringify(bytes.toString("latin1"))}`, { cause: error });
      }
    }
  });
});
