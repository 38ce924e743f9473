/** What the proxy makes of a client's bytes, without sockets: the requests that it takes, and the bytes that it sends on for them. */
import { RequestHead } from "../../../proxy/http/request-head.ts";
import { BodyReader } from "../../../proxy/http1/body.ts";
import { HeadWriter } from "../../../proxy/http1/head-writer.ts";
import { readRequest } from "../../../proxy/http1/read-request.ts";

export interface Message {
  readonly method: string;
  /** As the application gets it. */
  readonly target: string;
  /** Content without framing, latin1. */
  readonly body: string;
}

export interface Forwarded {
  /** Requests that were taken whole. */
  readonly messages: readonly Message[];
  /** The bytes that an endpoint gets for them, one after another. */
  readonly bytes: Buffer;
}

const writer = new HeadWriter();

/** Reads as the proxy does, until something is incomplete or refused. */
export function forward(input: Buffer): Forwarded {
  const head = new RequestHead();
  const body = new BodyReader();
  const messages: Message[] = [];
  const sent: Buffer[] = [];
  let at = 0;
  while (at < input.length) {
    const after = readRequest(head, input, at, input.length);
    if (after <= 0) break;
    if (head.chunked) body.chunked();
    else body.length(head.contentLength > 0 ? head.contentLength : 0);
    const end = body.read(input, after, input.length);
    if (body.refused < 0 || !body.done) break;
    if (!writer.request(head, undefined, 0, "")) break;
    const framed = input.subarray(after, end);
    sent.push(Buffer.from(writer.buffer.subarray(0, writer.length)), framed);
    messages.push({
      method: head.method,
      target: head.path,
      body: head.chunked ? content(framed) : framed.toString("latin1"),
    });
    at = end;
  }
  return { messages, bytes: Buffer.concat(sent) };
}

/** The data of a chunked body that the reader has found well-formed. */
function content(framed: Buffer): string {
  let data = "";
  let at = 0;
  for (;;) {
    const lineEnd = framed.indexOf("\r\n", at);
    const size = Number.parseInt(framed.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) return data;
    data += framed.toString("latin1", lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
