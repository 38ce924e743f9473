/** A response's head: status, then headers. */
import { Head } from "./head.ts";

export class ResponseHead extends Head {
  status = 0;
  /** 0 for an HTTP/1.0 response. */
  minor = 1;
  /** Where the status code's digits start: what follows is forwarded as it came. */
  statusStart = 0;

  /** Whether the connection may serve another request after this response (RFC 9112 section 9.3). */
  get persistent(): boolean {
    return this.minor === 1 ? !this.close : this.keepAlive && !this.close;
  }
}
