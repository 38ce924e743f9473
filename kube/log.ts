export type Level = "debug" | "info" | "warn" | "error";
export type Fields = Readonly<Record<string, unknown>>;

/** Structured log: one JSON line a record, `{level, time, msg, …fields}`. */
export interface Log {
  debug(msg: string, fields?: Fields): void;
  info(msg: string, fields?: Fields): void;
  warn(msg: string, fields?: Fields): void;
  error(msg: string, fields?: Fields): void;
  /** A log that adds these fields to every record. */
  child(fields: Fields): Log;
}

const order: Record<Level, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/** Writes records of `level` and above to `write`, one line each. Errors among the fields keep message and stack. */
export function createLog(options: {
  level?: Level | undefined;
  fields?: Fields | undefined;
  write?: ((line: string) => void) | undefined;
  now?: (() => number) | undefined;
}): Log {
  const write = options.write ?? ((line) => process.stderr.write(line));
  const now = options.now ?? Date.now;
  const threshold = order[options.level ?? "info"];
  const make = (bound: Fields): Log => {
    const record = (level: Level) => (msg: string, fields?: Fields) => {
      if (order[level] < threshold) return;
      const time = new Date(now()).toISOString();
      write(`${JSON.stringify({ level, time, msg, ...bound, ...fields }, flattenErrors)}\n`);
    };
    return {
      debug: record("debug"),
      info: record("info"),
      warn: record("warn"),
      error: record("error"),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make(options.fields ?? {});
}

/** Says nothing: for tests and for callers that want silence. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

function flattenErrors(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (!(value instanceof Error)) return value;
  const cause = value.cause instanceof Error ? { cause: value.cause.message } : {};
  return { name: value.name, message: value.message, ...cause, stack: value.stack };
}
