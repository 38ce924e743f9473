/** Node's own HTTP/1 parser, llhttp, as a judge: the requests that it finds in bytes, in its strict mode. */
import { createRequire } from "node:module";
import type { Message } from "./forward.ts";

interface Parser {
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): number | Error;
  [callback: number]: unknown;
}
interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

// Not public, and the only way to the parser without a socket around it.
const { HTTPParser, methods } = createRequire(import.meta.url)("_http_common") as {
  readonly HTTPParser: ParserClass;
  readonly methods: readonly string[];
};

/** The whole requests up to where it stops; `refused` when it stopped at something malformed. */
export function llhttp(bytes: Buffer): { readonly messages: readonly Message[]; readonly refused: boolean } {
  const parser = new HTTPParser();
  const messages: Message[] = [];
  let current: { method: string; target: string; body: string } | undefined;
  parser.initialize(HTTPParser.REQUEST, {});
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    _headers: unknown,
    method: number,
    target: string,
  ) => {
    current = { method: methods[method] ?? String(method), target, body: "" };
    return 0;
  };
  parser[HTTPParser.kOnBody] = (part: Buffer) => {
    if (current !== undefined) current.body += part.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (current !== undefined) messages.push(current);
    current = undefined;
  };
  const result = parser.execute(bytes);
  return { messages, refused: typeof result !== "number" };
}
