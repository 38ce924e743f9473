/** A request as an exchange hands it to an endpoint. */
import type { HeadEdits } from "./edits.ts";
import type { RequestHead } from "./request-head.ts";
import type { OutgoingRequest } from "./streams.ts";

/** Filled anew each time. */
export class Outgoing implements OutgoingRequest {
  head: RequestHead;
  edits: HeadEdits | undefined;
  drop = 0;
  additions = "";
  framed = false;
  pieces: readonly Buffer[] = NOTHING;
  last = false;

  constructor(head: RequestHead) {
    this.head = head;
  }
}

/** No piece of a body: what is not held is not kept alive either. */
export const NOTHING: readonly Buffer[] = [];
