/** How an endpoint is chosen: the load balancer of a traffic policy. */
import { atMostOneOf } from "../cel.ts";
import {
  boolean,
  duration,
  enumeration,
  list,
  map,
  number,
  object,
  required,
  string,
  strings,
  unsigned,
} from "../schema.ts";

const hashKeys = ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"] as const;

const consistentHash = object(
  "The same value goes to the same endpoint as long as endpoints stay.",
  {
    httpHeaderName: string("Takes the value of this header."),
    httpCookie: object("Takes the value of a cookie.", {
      name: required(string("The cookie's name.")),
      path: string("Path of a cookie that is made up."),
      ttl: duration("Life of a cookie that is made up; 0s is a session cookie; absent: none is made up.", {
        atLeast: undefined,
      }),
      attributes: list(
        "More attributes of a cookie that is made up.",
        object("One attribute.", {
          name: required(string("Its name.")),
          value: string("Its value."),
        }),
      ),
    }),
    useSourceIp: boolean("Takes the client's address."),
    httpQueryParameterName: string("Takes the value of this query parameter."),
    ringHash: object("Hashes on a ring.", {
      minimumRingSize: unsigned64("Least number of points on the ring; 1024 when absent."),
    }),
    maglev: object("Hashes by a Maglev table.", {
      tableSize: unsigned64("Size of the table, a prime; 65537 when absent."),
    }),
    minimumRingSize: unsigned64("Superseded by `ringHash.minimumRingSize`."),
  },
  { rules: [atMostOneOf(...hashKeys), atMostOneOf("ringHash", "maglev")] },
);

const failover = list(
  "Where traffic of a region goes when its endpoints fail.",
  object("One region's substitute.", {
    from: string("The region that fails."),
    to: string("The region that takes over."),
  }),
);

const failoverPriority = strings(
  "Labels, most important first; endpoints that share more of them come first.",
);

const localityLbSetting = object("Prefers endpoints near the client.", {
  distribute: list(
    "Shares by the client's locality.",
    object("Shares of the clients in one locality.", {
      from: string("The client's locality, `region/zone/*`."),
      to: map("Shares by the endpoint's locality, which add up to 100.", unsigned("Per cent.")),
    }),
  ),
  failover,
  failoverPriority,
  enabled: boolean("Turns it on or off; the mesh's setting when absent."),
});

const zoneAwareLbSetting = object(
  "Keeps traffic in the client's zone as far as the zones' capacities allow.",
  {
    enabled: boolean("Turns it on or off."),
    failover,
    failoverPriority,
    minClusterSize: unsigned("Endpoints from which it takes part; 6 when absent."),
  },
);

const warmup = object("New endpoints get their share little by little.", {
  duration: required(duration("How long an endpoint counts as new.")),
  minimumPercent: number("The share it begins with, per cent; 10 when absent.", { minimum: 0, maximum: 100 }),
  aggression: number("How the share grows: 1, which is the default, is linear; more is faster at first.", {
    minimum: 1,
  }),
});

const backendUtilization = object("Weighs endpoints by the load that they report.", {
  errorUtilizationPenaltyPercent: unsigned(
    "How much of the share of errors adds to the utilization, per cent; 100 when absent.",
  ),
  metricNamesForComputingUtilization: strings(
    "Reported metrics of which the largest is the utilization, such as `named_metrics.queue`; where none is reported, it is `application_utilization`, else `cpu_utilization`.",
  ),
  weightExpirationPeriod: duration("Weights without a report for this long no longer count; 3m when absent."),
  weightStabilizationPeriod: duration(
    "Reports must have come for this long before they count; 10s when absent, 0s is at once.",
    { atLeast: undefined },
  ),
  weightUpdatePeriod: duration("Time between computations of the weights, 100ms at least; 1s when absent."),
});

export const loadBalancer = object(
  "How an endpoint is chosen; LEAST_REQUEST when absent.",
  {
    simple: enumeration(
      "A standard algorithm; LEAST_CONN is the old name of LEAST_REQUEST; PASSTHROUGH goes where the client went.",
      ["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"],
    ),
    consistentHash,
    backendUtilization,
    localityLbSetting,
    zoneAwareLbSetting,
    warmupDurationSecs: duration("Superseded by `warmup.duration`."),
    warmup,
  },
  { rules: [atMostOneOf("simple", "consistentHash", "backendUtilization")] },
);

function unsigned64(description: string) {
  return unsigned(description, { maximum: Number.MAX_SAFE_INTEGER });
}

export { consistentHash, localityLbSetting, warmup };
