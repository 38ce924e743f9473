/**
 * Request smuggling: bytes that two parsers may take for different requests, by class. `/smuggled` stands where only a parser that
 * reads the framing otherwise than we do would find a request.
 *
 * Sources: RFC 9112 section 11.2; RFC 9110 section 7.6.1; published classes (CL.TE, TE.CL, TE.TE, CL.0, TE.0, chunk extensions and
 * line terminators, hop-by-hop removal, h2c upgrades).
 */
export interface Payload {
  readonly name: string;
  readonly bytes: string;
  /** Paths that may reach the application, in order; none: the proxy refuses the first request. */
  readonly serves: readonly string[];
}

const hidden = "GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\n";

/** A POST with these header lines and this body. */
function post(lines: string, body: string, start = "POST /first HTTP/1.1"): string {
  return `${start}\r\nHost: web\r\n${lines}\r\n${body}`;
}

function refused(name: string, bytes: string): Payload {
  return { name, bytes, serves: [] };
}

const zeroThenHidden = `0\r\n\r\n${hidden}`;
const chunked = "Transfer-Encoding: chunked\r\n";

/** Ways to write Transfer-Encoding that some parser takes for chunked and another does not. */
const encodings: readonly string[] = [
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: chunked;q=1",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: chunk",
  "Transfer-Encoding: \x0bchunked",
  "Transfer-Encoding: chunked\x0b",
  "Transfer-Encoding: chunked\x00",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Transfer-Encoding: chunked",
  "X: x\nTransfer-Encoding: chunked",
  "X: x\rTransfer-Encoding: chunked",
  "Transfer-Encoding:\n chunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-encoding: x",
  "Transfer-Encoding:",
  "Transfer-Encoding: chunked,",
];

/** Ways to write a length that parsers read differently; the body is five bytes. */
const lengths: readonly string[] = [
  "Content-Length: +5",
  "Content-Length: -5",
  "Content-Length: 5, 5",
  "Content-Length: 5,6",
  "Content-Length: 0x5",
  "Content-Length: 5 5",
  "Content-Length: 5;",
  "Content-Length: 5.0",
  "Content-Length: 5e0",
  "Content-Length: 5\x00",
  "Content-Length: \x0b5",
  "Content-Length: ",
  "Content-Length: 99999999999999999999",
  "Content-Length: 18446744073709551621",
  "Content-Length : 5",
  "Content-Length: 5\r\nContent-Length: 6",
  "Content-Length: 5\r\nContent-Length: 5",
  "Content-Length: 6\r\n Content-Length: 5",
  "Content_Length: 0\r\nContent-Length: five",
];

/** Chunks whose size, extension or end parsers disagree on. */
const chunks: readonly string[] = [
  "0x5\r\nhello\r\n0\r\n\r\n",
  "+5\r\nhello\r\n0\r\n\r\n",
  "-5\r\nhello\r\n0\r\n\r\n",
  " 5\r\nhello\r\n0\r\n\r\n",
  "5 \r\nhello\r\n0\r\n\r\n",
  "5\nhello\n0\n\n",
  "5\rhello\r0\r\r",
  "5\r\nhello\n0\r\n\r\n",
  "5\r\nhelloworld\r\n0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhello\rX0\r\n\r\n",
  "5;a\nb\r\nhello\r\n0\r\n\r\n",
  "5;a\rb\r\nhello\r\n0\r\n\r\n",
  "5;\x00\r\nhello\r\n0\r\n\r\n",
  "5_0\r\nhello\r\n0\r\n\r\n",
  "FFFFFFFFFFFFFFFF5\r\nhello\r\n0\r\n\r\n",
  "100000000000000005\r\nhello\r\n0\r\n\r\n",
  "\r\nhello\r\n0\r\n\r\n",
  ";x\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\n X: folded\r\n\r\n",
  "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
  "5\r\nhello\r\n0\r\nX: y\nZ: w\r\n\r\n",
  "5\r\nhello\r\n0\n\n",
];

export const corpus: readonly Payload[] = [
  refused("CL.TE", post(`Content-Length: ${zeroThenHidden.length}\r\n${chunked}`, zeroThenHidden)),
  refused(
    "TE.CL",
    post(`${chunked}Content-Length: 4\r\n`, `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`),
  ),
  ...encodings.map((line) =>
    refused(
      `TE.TE ${JSON.stringify(line)}`,
      post(`Content-Length: ${zeroThenHidden.length}\r\n${line}\r\n`, zeroThenHidden),
    ),
  ),
  ...encodings.map((line) =>
    refused(`TE alone ${JSON.stringify(line)}`, post(`${line}\r\n`, zeroThenHidden)),
  ),
  ...lengths.map((line) => refused(`length ${JSON.stringify(line)}`, post(`${line}\r\n`, `hello${hidden}`))),
  ...chunks.map((body) => refused(`chunk ${JSON.stringify(body)}`, post(chunked, `${body}${hidden}`))),
  refused("Transfer-Encoding in HTTP/1.0", post(chunked, zeroThenHidden, "POST /first HTTP/1.0")),
  refused("two Hosts", `GET /first HTTP/1.1\r\nHost: web\r\nHost: evil\r\n\r\n${hidden}`),
  refused("no Host", `GET /first HTTP/1.1\r\n\r\n${hidden}`),
  refused("a Host with a path", `GET /first HTTP/1.1\r\nHost: web/smuggled\r\n\r\n${hidden}`),
  refused("a request line with two versions", `GET /first HTTP/1.1 HTTP/1.1\r\nHost: web\r\n\r\n${hidden}`),
  refused("a request line with a tab", `GET\t/first HTTP/1.1\r\nHost: web\r\n\r\n${hidden}`),
  refused("a request line ended by LF", `GET /first HTTP/1.1\nHost: web\r\n\r\n${hidden}`),
  refused("a head ended by LF", `GET /first HTTP/1.1\r\nHost: web\r\n\n${hidden}`),
  refused("a version of two digits", `GET /first HTTP/1.10\r\nHost: web\r\n\r\n${hidden}`),
  refused("HTTP/2.0 in a request line", `GET /first HTTP/2.0\r\nHost: web\r\n\r\n${hidden}`),
  refused("HTTP/0.9", `GET /first\r\n${hidden}`),
  ...["Content-Length: 50", "transfer-encoding: chunked", "HOST: evil"].map((line) =>
    refused(`trailer ${line}`, post(chunked, `5\r\nhello\r\n0\r\n${line}\r\n\r\n`)),
  ),
  refused("a space before the colon", post("X-Y : z\r\n", hidden)),
  refused("a header without a colon", post("GET /smuggled HTTP/1.1\r\n", hidden)),
  refused("a header name with NUL", post("X\x00Y: z\r\n", hidden)),
  refused("a header value with NUL", post("X: a\x00b\r\n", hidden)),
  refused("a header value with CR", post("X: a\rGET /smuggled HTTP/1.1\r\n", hidden)),
  refused(
    "Connection that names Content-Length",
    post("Connection: content-length\r\nContent-Length: 5\r\n", `hello${hidden}`),
  ),
  refused(
    "Connection that names Transfer-Encoding",
    post(`Connection: transfer-encoding\r\n${chunked}`, zeroThenHidden),
  ),
  refused("Connection that names Host", post("Connection: host\r\n", hidden)),
  {
    name: "CL.0: a GET with a body that is a request",
    bytes: `GET /first HTTP/1.1\r\nHost: web\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    serves: ["/first"],
  },
  {
    name: "a body that is a request",
    bytes: post(`Content-Length: ${hidden.length}\r\n`, hidden),
    serves: ["/first"],
  },
  {
    name: "a chunk that is a request",
    bytes: post(chunked, `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`),
    serves: ["/first"],
  },
  {
    name: "a chunk size with leading zeros",
    bytes: post(chunked, "0005\r\nhello\r\n0\r\n\r\n"),
    serves: ["/first"],
  },
  {
    name: "a length with leading zeros",
    bytes: post("Content-Length: 0005\r\n", "hello"),
    serves: ["/first"],
  },
  {
    name: "an upgrade to h2c that is no upgrade",
    bytes: `GET /first HTTP/1.1\r\nHost: web\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
    serves: ["/first"],
  },
  {
    name: "an absolute target that rules over Host",
    bytes: "GET http://web/first HTTP/1.1\r\nHost: evil\r\n\r\n",
    serves: ["/first"],
  },
  {
    name: "HEAD with a body that is a request",
    bytes: `HEAD /first HTTP/1.1\r\nHost: web\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}GET /second HTTP/1.1\r\nHost: web\r\n\r\n`,
    serves: ["/second"],
  },
  {
    name: "requests one behind the other",
    bytes:
      "GET /first HTTP/1.1\r\nHost: web\r\n\r\nGET /second HTTP/1.1\r\nHost: web\r\n\r\nGET /third HTTP/1.1\r\nHost: web\r\n\r\n",
    serves: ["/first", "/second", "/third"],
  },
];
