/**
 * `grpc.health.v1.Health/Check`, as the kubelet's gRPC probes ask it. Over node:http2, loaded with the first such probe: a
 * probe every few seconds is no reason to carry an HTTP/2 client in every sidecar.
 */

/** A HealthCheckRequest is `{1: service}`; a HealthCheckResponse `{1: status}`, where 1 is SERVING. */
const SERVING = 1;
const MAX_NAME = 0x7f;

/** Asks for the health of a service, "" for the server's. Rejects when there is no answer in time. */
export async function checkGrpcHealth(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
): Promise<boolean> {
  const { connect } = await import("node:http2");
  const name = Buffer.from(service);
  if (name.length > MAX_NAME) throw new Error(`the probe's service name is longer than ${MAX_NAME} bytes`);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return await new Promise<boolean>((resolve, reject) => {
    const session = connect(`http://${authority}`);
    const timer = setTimeout(
      () => finish(() => reject(new Error(`no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    const finish = (act: () => void) => {
      clearTimeout(timer);
      session.destroy();
      act();
    };
    session.on("error", (error) => finish(() => reject(error)));
    const request = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("error", (error) => finish(() => reject(error)));
    request.on("end", () => finish(() => resolve(isServing(Buffer.concat(parts)))));
    request.end(frame);
  });
}

/** Whether a length-prefixed HealthCheckResponse says SERVING. */
export function isServing(body: Uint8Array): boolean {
  return body.length >= 7 && body[0] === 0 && body[5] === 0x08 && body[6] === SERVING;
}
