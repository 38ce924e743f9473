/** The report as a protobuf message in base64, with padding or without, as gRPC's implementations differ. */
import { put } from "./metrics.ts";
import { BYTES, FIXED64, fieldsOf } from "./protobuf.ts";

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** By field number. 3 is the former `rps_fractional`, which weighs nothing. */
const scalars: Readonly<Record<number, string>> = {
  1: "cpu_utilization",
  2: "mem_utilization",
  6: "rps_fractional",
  7: "eps",
  9: "application_utilization",
};
const maps: Readonly<Record<number, string>> = { 4: "request_cost", 5: "utilization", 8: "named_metrics" };

export function readBinary(base64: string): Map<string, number> | undefined {
  if (!BASE64.test(base64) || base64.replace(/=+$/, "").length % 4 === 1) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const metrics = new Map<string, number>();
  const isGood = fieldsOf(bytes, 0, bytes.length, (number, type, start, end) => {
    const scalar = scalars[number];
    if (scalar !== undefined && type === FIXED64) return put(metrics, scalar, bytes.readDoubleLE(start));
    const map = maps[number];
    if (map !== undefined && type === BYTES) return putEntry(metrics, map, bytes, start, end);
    // What the message gets in future is not ours.
    return true;
  });
  return isGood ? metrics : undefined;
}

/** An entry of a map is a message: its key is 1, its value 2, each of them empty when absent. */
function putEntry(
  metrics: Map<string, number>,
  map: string,
  bytes: Buffer,
  from: number,
  to: number,
): boolean {
  let key = "";
  let value = 0;
  const isGood = fieldsOf(bytes, from, to, (number, type, start, end) => {
    if (number === 1 && type === BYTES) key = bytes.toString("utf8", start, end);
    else if (number === 2 && type === FIXED64) value = bytes.readDoubleLE(start);
    return true;
  });
  return isGood && put(metrics, `${map}.${key}`, value);
}
