/** The sidecar's own log: one JSON object a line on standard error, as `kubectl logs -c istio-proxy` shows it. */
import type { Log } from "../config/log.ts";
import { LOG_LEVELS, type LogLevel } from "./settings.ts";

/** Logs at `least` and above. */
export function createLog(least: LogLevel, write: (line: string) => void, unixNow: () => number): Log {
  const threshold = LOG_LEVELS.indexOf(least);
  return (level, message, fields) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return;
    const time = new Date(unixNow()).toISOString();
    write(`${JSON.stringify({ level, time, scope: "proxy", msg: message, ...fields })}\n`);
  };
}
