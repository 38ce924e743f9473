/** Load reports as endpoints write them. */

export type Metrics = Readonly<Record<string, number>>;

export const textOf = (metrics: Metrics) =>
  `TEXT ${Object.entries(metrics)
    .map(([name, value]) => `${name}=${value}`)
    .join(",")}`;

export const jsonOf = (metrics: Metrics) => {
  const report: Record<string, number | Record<string, number>> = {};
  for (const [name, value] of Object.entries(metrics)) {
    const [map = "", key] = split(name);
    if (key === undefined) report[map] = value;
    else report[map] = { ...(report[map] as Record<string, number> | undefined), [key]: value };
  }
  return `JSON ${JSON.stringify(report)}`;
};

const numbers: Readonly<Record<string, number>> = {
  ...{ cpu_utilization: 1, mem_utilization: 2, request_cost: 4, utilization: 5 },
  ...{ rps_fractional: 6, eps: 7, named_metrics: 8, application_utilization: 9 },
};

/** The protobuf message. */
export const messageOf = (metrics: Metrics) =>
  Buffer.concat(
    Object.entries(metrics).map(([name, value]) => {
      const [field = "", key] = split(name);
      const number = numbers[field] ?? 0;
      return key === undefined
        ? double(number, value)
        : bytes(number, Buffer.concat([bytes(1, Buffer.from(key)), double(2, value)]));
    }),
  );

/** As gRPC's implementations differ: with padding, and without. */
export const binaryOf = (metrics: Metrics, padding = true) =>
  messageOf(metrics)
    .toString("base64")
    .replace(padding ? "" : /=+$/, "");

function split(name: string): [string, string?] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
}

function double(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(9);
  buffer.writeUInt8(field * 8 + 1);
  buffer.writeDoubleLE(value, 1);
  return buffer;
}

/** Of less than 16 KiB. */
function bytes(field: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  return Buffer.concat([Buffer.from([field * 8 + 2, ...size]), content]);
}
