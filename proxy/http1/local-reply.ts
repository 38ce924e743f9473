/** Whole small responses of the proxy's own. */

export interface LocalReplyOptions {
  /** The connection ends after it. */
  readonly close: boolean;
  /** The request was HEAD. */
  readonly noBody: boolean;
}

/** `body` is latin1, a character a byte; `headers` are whole lines, each with its CRLF. */
export function localReply(
  status: number,
  body: string,
  headers: string,
  options: LocalReplyOptions,
): Buffer {
  const typed = body === "" || /^content-type:/im.test(headers);
  return Buffer.from(
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}\r\ncontent-length: ${body.length}\r\n` +
      `${typed ? "" : "content-type: text/plain\r\n"}${headers}${options.close ? "connection: close\r\n" : ""}\r\n` +
      `${options.noBody ? "" : body}`,
    "latin1",
  );
}

/** Reason phrases of the statuses that we answer ourselves. */
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
