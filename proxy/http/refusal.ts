/**
 * Every way a peer's HTTP/1.1 is refused: the table behind `weft_http_parse_errors_total{reason}`.
 *
 * Parsers return these as negative numbers, so that a hot loop returns either an offset or a refusal without allocating.
 */

/** What a refused request is answered with; a refused response becomes 502 to the client. */
export interface Refusal {
  /** The metric's label. */
  readonly reason: string;
  readonly status: number;
  /** What was expected, for the response body and the access log. */
  readonly message: string;
}

/** More bytes are needed. */
export const INCOMPLETE = 0;

export const BAD_METHOD = -1;
export const BAD_TARGET = -2;
export const BAD_VERSION = -3;
export const OLD_VERSION = -4;
export const BAD_STATUS_LINE = -5;
export const BARE_LF = -6;
export const BARE_CR = -7;
export const FOLDED_HEADER = -8;
export const BAD_HEADER_NAME = -9;
export const SPACE_BEFORE_COLON = -10;
export const BAD_HEADER_VALUE = -11;
export const HEAD_TOO_LARGE = -12;
export const TOO_MANY_HEADERS = -13;
export const NO_HOST = -14;
export const SEVERAL_HOSTS = -15;
export const BAD_HOST = -16;
export const BAD_CONTENT_LENGTH = -17;
export const SEVERAL_CONTENT_LENGTHS = -18;
export const LENGTH_AND_ENCODING = -19;
export const BAD_TRANSFER_ENCODING = -20;
export const BAD_CHUNK_SIZE = -21;
export const BAD_CHUNK_END = -22;
export const BAD_CHUNK_EXTENSION = -23;
export const BAD_TRAILER = -24;
export const TRAILERS_TOO_LARGE = -25;
export const BAD_CONNECTION_HEADER = -26;
export const HEAD_TIMEOUT = -27;
export const PSEUDO_FIELD = -28;
export const CONNECTION_FIELD = -29;
export const LENGTH_MISMATCH = -30;
export const H2_FRAME = -31;
export const H2_COMPRESSION = -32;
export const H2_FLOW_CONTROL = -33;
export const H2_FLOOD = -34;
export const CONNECT_BODY = -35;
export const CONNECT_HOST = -36;
export const CONNECT_FRAMING = -37;
export const UNKNOWN_PROTOCOL = -38;
export const NOT_SWITCHED = -39;

const TABLE: readonly Refusal[] = [
  { reason: "none", status: 500, message: "" },
  { reason: "method", status: 400, message: "the method is not a token of at most 32 characters" },
  {
    reason: "target",
    status: 400,
    message: "the request target is not a path, an http URL, * for OPTIONS, or host:port for CONNECT",
  },
  { reason: "version", status: 400, message: "the version is not HTTP/1.1" },
  { reason: "http10", status: 426, message: "HTTP/1.0 is not served; use HTTP/1.1" },
  {
    reason: "status_line",
    status: 502,
    message: "the status line is not HTTP/1.x, a space and three digits",
  },
  { reason: "bare_lf", status: 400, message: "a line ends in LF without CR" },
  { reason: "bare_cr", status: 400, message: "a CR is not followed by LF" },
  { reason: "obs_fold", status: 400, message: "a header value continues on a second line" },
  {
    reason: "header_name",
    status: 400,
    message: "a header name is empty or has a character that no token may have",
  },
  {
    reason: "space_before_colon",
    status: 400,
    message: "there is whitespace between a header's name and its colon",
  },
  { reason: "header_value", status: 400, message: "a header value has a control character" },
  { reason: "head_too_large", status: 431, message: "the head is larger than 60 KiB" },
  { reason: "too_many_headers", status: 431, message: "there are more than 100 headers" },
  { reason: "no_host", status: 400, message: "there is no Host header" },
  { reason: "several_hosts", status: 400, message: "there is more than one Host header" },
  { reason: "host", status: 400, message: "the Host header is not a host with an optional port" },
  { reason: "content_length", status: 400, message: "Content-Length is not a decimal number below 10^15" },
  { reason: "several_content_lengths", status: 400, message: "there is more than one Content-Length" },
  {
    reason: "length_and_encoding",
    status: 400,
    message: "there is both Content-Length and Transfer-Encoding",
  },
  { reason: "transfer_encoding", status: 501, message: "the only Transfer-Encoding served is chunked, once" },
  {
    reason: "chunk_size",
    status: 400,
    message: "a chunk size is not a hexadecimal number of at most 12 digits",
  },
  { reason: "chunk_end", status: 400, message: "a chunk's data is not followed by CRLF" },
  {
    reason: "chunk_extension",
    status: 400,
    message: "a chunk extension is malformed or longer than 256 bytes",
  },
  { reason: "trailer", status: 400, message: "a trailer is malformed" },
  { reason: "trailers_too_large", status: 431, message: "the trailers are larger than 8 KiB" },
  {
    reason: "connection_header",
    status: 400,
    message: "Connection names a header that frames or routes the message",
  },
  { reason: "head_timeout", status: 408, message: "the head did not arrive in time" },
  {
    reason: "pseudo_field",
    status: 400,
    message: "a pseudo-header field is missing, repeated, unknown or behind other fields",
  },
  {
    reason: "connection_field",
    status: 400,
    message: "HTTP/2 has no header that concerns one connection, and no TE but trailers",
  },
  { reason: "length_mismatch", status: 400, message: "the body is not as long as Content-Length says" },
  { reason: "h2_frame", status: 400, message: "a frame of HTTP/2 is malformed or comes where it must not" },
  { reason: "h2_compression", status: 400, message: "a field block does not decode" },
  { reason: "h2_flow_control", status: 400, message: "more was sent than the flow-control window allows" },
  { reason: "h2_flood", status: 400, message: "frames that cost much and say nothing came too often" },
  { reason: "connect_body", status: 400, message: "a CONNECT announces a body, and has none" },
  { reason: "connect_host", status: 400, message: "the Host header of a CONNECT is not its target" },
  {
    reason: "connect_framing",
    status: 502,
    message:
      "a 2xx to CONNECT has Content-Length or Transfer-Encoding, and no server that opens a tunnel says so",
  },
  { reason: "protocol", status: 501, message: "the only :protocol served is websocket" },
  {
    reason: "not_switched",
    status: 502,
    message: "a 2xx, or a 101 to another protocol, answers a request for a WebSocket that came over HTTP/2",
  },
];

/** Every refusal, in the order of their codes, for the metric's slots. */
export const REFUSALS: readonly Refusal[] = TABLE;

/** The refusal behind a parser's negative result. */
export function refusal(code: number): Refusal {
  return TABLE[-code] ?? (TABLE[0] as Refusal);
}
