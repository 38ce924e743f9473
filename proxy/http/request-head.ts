/** A request's head: method, target and authority, then headers. */
import { text } from "./characters.ts";
import { EXPECT, TE, UPGRADE } from "./field-kinds.ts";
import { Head } from "./head.ts";

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** The method that asks for a tunnel (RFC 9110 section 9.3.6). */
export const CONNECT = "CONNECT";

export class RequestHead extends Head {
  method = "";
  targetStart = 0;
  targetEnd = 0;
  /** Host, or the authority of an absolute target, which then rules (RFC 9112 section 3.2.2). */
  authority = "";
  /** True when the target was `http://host/path`: it is forwarded as a path with the Host it names. */
  absolute = false;
  /** It came over HTTP/2 and asks for a WebSocket (RFC 8441): the head is what HTTP/1.1 says for that, but for the key. */
  extended = false;
  #path: string | undefined;

  override reset(bytes: Uint8Array, start: number): void {
    super.reset(bytes, start);
    this.method = "";
    this.#path = undefined;
    this.absolute = false;
    this.extended = false;
  }

  /** Path with query, as it stands in the request line; of an absolute target what stands behind its authority. */
  get path(): string {
    this.#path ??= text(this.bytes, this.targetStart, this.targetEnd);
    return this.#path;
  }
  set path(path: string) {
    this.#path = path;
  }

  override clone(): RequestHead {
    const copy = new RequestHead();
    this.copyTo(copy);
    const { start } = this;
    copy.method = this.method;
    copy.targetStart = this.targetStart - start;
    copy.targetEnd = this.targetEnd - start;
    copy.authority = this.authority;
    copy.absolute = this.absolute;
    copy.extended = this.extended;
    copy.path = this.path;
    return copy;
  }

  /** The body's kind: requests without framing headers have none (RFC 9112 section 6.3). */
  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /** Asking twice is asking once (RFC 9110 section 9.2.2): what may be sent again though it may have arrived. */
  get idempotent(): boolean {
    return IDEMPOTENT.has(this.method);
  }

  /** Whether what follows the head, once that is granted, is another protocol's. */
  get asksForTunnel(): boolean {
    return this.extended || this.method === CONNECT;
  }

  /** Asks for a WebSocket; other upgrades are not offered on and the request goes on without (RFC 9110 section 7.8). */
  get webSocket(): boolean {
    return (
      this.upgrade &&
      this.method !== CONNECT &&
      this.has(UPGRADE) &&
      equalsText(this.known(UPGRADE), "websocket")
    );
  }

  get expectsContinue(): boolean {
    return this.has(EXPECT) && equalsText(this.known(EXPECT), "100-continue");
  }

  /** `TE: trailers` alone may be passed on; other values ask for codings that the next hop cannot promise. */
  get acceptsTrailers(): boolean {
    return this.has(TE) && equalsText(this.known(TE), "trailers");
  }
}

const AUTHORITY_FORM = /^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]]+):(\d{1,5})$/;

/** The port that the target of a CONNECT names, which has to be `host:port` (RFC 9112 section 3.2.3). */
export function connectPort(target: string): string | undefined {
  const port = AUTHORITY_FORM.exec(target)?.[1];
  return port === undefined || Number(port) === 0 || Number(port) > 65_535 ? undefined : port;
}

function equalsText(value: string | undefined, lower: string): boolean {
  return value !== undefined && value.toLowerCase() === lower;
}
