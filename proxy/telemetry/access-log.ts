/**
 * One line per request or connection, off unless asked for. Lines are gathered and written in batches; when the reader
 * is slower than the traffic they are dropped and counted, because a log must not stop what it reports on.
 */

/** What a line is made from; numbers in ms and bytes. */
export interface AccessEntry {
  /** Unix ms. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly status: number;
  readonly flags: string;
  readonly details: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  readonly authority: string;
  readonly upstreamHost: string;
  readonly upstreamCluster: string;
  readonly downstream: string;
  readonly requestId: string;
  readonly userAgent: string;
  readonly route: string;
}

/** What is known of an opaque connection that is over. */
export type TcpAccess = Pick<
  AccessEntry,
  | "at"
  | "flags"
  | "bytesReceived"
  | "bytesSent"
  | "durationMs"
  | "upstreamHost"
  | "upstreamCluster"
  | "downstream"
>;

/** The line of an opaque connection: it has no request to tell of. */
export function tcpEntry(access: TcpAccess): AccessEntry {
  return {
    method: "",
    path: "",
    protocol: "",
    status: 0,
    details: "",
    authority: "",
    requestId: "",
    userAgent: "",
    route: "",
    ...access,
  };
}

/** Istio's default text format, field by field where we know the value, "-" elsewhere. */
export function formatEntry(entry: AccessEntry): string {
  const or = (text: string) => (text === "" ? "-" : text);
  const request = entry.method === "" ? "- - -" : `${entry.method} ${entry.path} ${entry.protocol}`;
  return (
    `[${new Date(entry.at).toISOString()}] "${clean(request)}" ${entry.status} ${entry.flags} ${or(entry.details)} ` +
    `- "-" ${entry.bytesReceived} ${entry.bytesSent} ${Math.round(entry.durationMs)} - "-" "${clean(or(entry.userAgent))}" ` +
    `"${clean(or(entry.requestId))}" "${clean(or(entry.authority))}" "${or(entry.upstreamHost)}" ` +
    `${or(entry.upstreamCluster)} - - ${or(entry.downstream)} - ${or(entry.route)}\n`
  );
}

export const ENCODINGS = ["TEXT", "JSON"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Istio's default JSON format; null where we do not know the value. */
export function jsonEntry(entry: AccessEntry): string {
  const or = (text: string) => (text === "" ? null : text);
  const line = {
    start_time: new Date(entry.at).toISOString(),
    method: or(entry.method),
    path: or(entry.path),
    protocol: or(entry.protocol),
    response_code: entry.status,
    response_flags: entry.flags,
    response_code_details: or(entry.details),
    connection_termination_details: null,
    upstream_transport_failure_reason: null,
    bytes_received: entry.bytesReceived,
    bytes_sent: entry.bytesSent,
    duration: Math.round(entry.durationMs),
    upstream_service_time: null,
    x_forwarded_for: null,
    user_agent: or(entry.userAgent),
    request_id: or(entry.requestId),
    authority: or(entry.authority),
    upstream_host: or(entry.upstreamHost),
    upstream_cluster: or(entry.upstreamCluster),
    upstream_local_address: null,
    downstream_local_address: null,
    downstream_remote_address: or(entry.downstream),
    requested_server_name: null,
    route_name: or(entry.route),
  };
  return `${JSON.stringify(line)}\n`;
}

/** What a client sent must not end a field or a line. */
function clean(text: string): string {
  return text.replace(
    /["\\\u0000-\u001f\u007f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

const BATCH_BYTES = 16 * 1024;
const MAX_WAITING = 256 * 1024;

export interface LogSink {
  /** Writes what it can at once; false when it cannot take more for now. */
  write(text: string): boolean;
  /** Runs once, soon. */
  defer(run: () => void): void;
}

export class AccessLog {
  enabled = false;
  #format: (entry: AccessEntry) => string = formatEntry;
  readonly #sink: LogSink;
  readonly #dropped: () => void;
  #waiting = "";
  #deferred = false;

  constructor(sink: LogSink, dropped: () => void, encoding: Encoding = "TEXT") {
    this.encoding = encoding;
    this.#sink = sink;
    this.#dropped = dropped;
  }

  /** How the lines to come are written. */
  set encoding(encoding: Encoding) {
    this.#format = encoding === "JSON" ? jsonEntry : formatEntry;
  }

  record(entry: AccessEntry): void {
    if (this.#waiting.length > MAX_WAITING) {
      this.#dropped();
      return;
    }
    this.#waiting += this.#format(entry);
    if (this.#waiting.length >= BATCH_BYTES) this.flush();
    else if (!this.#deferred) {
      this.#deferred = true;
      this.#sink.defer(() => this.flush());
    }
  }

  flush(): void {
    this.#deferred = false;
    if (this.#waiting === "" || !this.#sink.write(this.#waiting)) return;
    this.#waiting = "";
  }
}
