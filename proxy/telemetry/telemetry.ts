/** Every metric of one proxy process, and the page that shows them. */

import type { OutlierReport } from "../config/view.ts";
import { REFUSALS, refusal } from "../http/refusal.ts";
import { Counters, Reading } from "./counters.ts";
import { exposition, type Family } from "./exposition.ts";
import { outlierMetrics } from "./outlier-metrics.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { RouteMetrics } from "./route-metrics.ts";
import { TcpMetrics } from "./tcp-metrics.ts";

export interface Readings {
  /** Unix seconds at which the certificate in use expires; 0 without one. */
  certificateExpiry(): number;
  residentBytes(): number;
  /** Outlier detection, in clusters that have it. */
  outliers(): readonly OutlierReport[];
  /** Objects of configuration that are applied. */
  configObjects(): number;
}

export type Side = "outbound" | "inbound" | "admin";

export class Telemetry {
  readonly requests = new RequestMetrics();
  readonly routes = new RouteMetrics();
  readonly tcp = new TcpMetrics();
  readonly connections = new Counters("weft_connections_total", "Connections accepted, by listener.", [
    "side",
    "protocol",
  ]);
  readonly openConnections = new Counters(
    "weft_connections_open",
    "Connections open now.",
    ["side"],
    "gauge",
  );
  readonly handshakeFailures = new Counters(
    "weft_tls_handshake_failures_total",
    "Connections to 15008 that did not prove who they are.",
    ["reason"],
  );
  readonly dialFailures = new Counters("weft_dial_failures_total", "Connections that could not be opened.", [
    "side",
    "reason",
  ]);
  readonly parseErrors = new Counters("weft_http_parse_errors_total", "Malformed HTTP that was refused.", [
    "reason",
  ]);
  readonly retries = new Counters("weft_retries_total", "Requests tried again, by what the try before met.", [
    "side",
    "reason",
  ]);
  readonly overflows = new Counters(
    "weft_overflows_total",
    "Requests, connections and retries that a limit of a connectionPool refused.",
    ["side", "limit"],
  );
  readonly mirrors = new Counters("weft_mirrored_requests_total", "Copies of requests, by how they ended.", [
    "outcome",
  ]);
  readonly plaintextRefused = new Counters(
    "weft_plaintext_refused_total",
    "Plaintext connections closed because the port takes mutual TLS only.",
  );
  readonly idlePeersEnded = new Counters(
    "weft_idle_peers_ended_total",
    "Idle connections by mutual TLS that were ended because there were more than memory has room for.",
  );
  readonly idleConnectionsEnded = new Counters(
    "weft_idle_connections_ended_total",
    "Idle connections by TLS to endpoints that were closed because there were more than memory has room for.",
  );
  readonly denied = new Counters(
    "weft_authorization_denied_total",
    "Requests and connections refused by policy.",
    ["protocol"],
  );
  readonly dryRuns = new Counters(
    "weft_authorization_dry_run_total",
    "What policies on a dry run would have decided.",
    ["protocol", "decision"],
  );
  readonly tokensRefused = new Counters(
    "weft_tokens_refused_total",
    "Requests refused because a token that they carry is not good.",
  );
  readonly rateLimited = new Counters(
    "weft_rate_limited_total",
    "Requests beyond a rate limit; those that are not enforced were let through.",
    ["limit", "enforced"],
  );
  readonly configChanges = new Counters(
    "weft_config_changes_total",
    "Times that a new configuration was put in force.",
  );
  readonly rotations = new Counters(
    "weft_certificate_rotations_total",
    "Times that the listener on 15008 took another certificate.",
  );
  readonly bugs = new Counters(
    "weft_internal_errors_total",
    "Exceptions that nothing expected; see the log.",
  );
  readonly accessLogDropped = new Counters(
    "weft_access_log_dropped_total",
    "Access log lines dropped: the reader is too slow.",
  );
  readonly #families: readonly Family[];
  readonly #parseErrors = REFUSALS.map((each) => each.reason);

  constructor(readings: Readings) {
    this.#families = [
      this.requests,
      this.routes,
      this.tcp,
      this.connections,
      this.openConnections,
      this.handshakeFailures,
      this.dialFailures,
      this.parseErrors,
      this.retries,
      this.overflows,
      this.mirrors,
      this.plaintextRefused,
      this.idlePeersEnded,
      this.idleConnectionsEnded,
      this.denied,
      this.dryRuns,
      this.tokensRefused,
      this.rateLimited,
      this.configChanges,
      this.rotations,
      this.bugs,
      this.accessLogDropped,
      ...outlierMetrics(readings.outliers),
      new Reading("weft_config_objects", "Objects of configuration in force.", readings.configObjects),
      new Reading(
        "weft_certificate_expiry_seconds",
        "When the certificate in use expires, Unix time.",
        readings.certificateExpiry,
      ),
      new Reading(
        "weft_metric_series_overflowed",
        "Label sets counted as other.",
        () => this.requests.overflowed + this.routes.overflowed,
      ),
      new Reading("process_resident_memory_bytes", "Resident memory in bytes.", readings.residentBytes),
    ];
  }

  /** Counts bytes that the HTTP parser refused. */
  refusedHttp(code: number): void {
    const reason = this.#parseErrors[-code] ?? refusal(code).reason;
    this.parseErrors.of(reason).value++;
  }

  page(): string {
    return exposition(this.#families);
  }
}
