import { once } from "node:events";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { indexObject, workloadObject } from "../../proxy/config/testdata.ts";
import { exchange, statusOf, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { TestProxy } from "../support/proxy.ts";
import { application, ok, TestServer } from "../support/server.ts";
import { inFrontOf } from "../support/web.ts";

/** How large requests' bodies may be, on the way in. */
const MOST = 100_000;
const requests: string[] = [];
let app: TestServer;
let proxy: TestProxy;
let port: number;
beforeAll(async () => {
  app = await TestServer.start(application(() => ok("taken"), requests));
  proxy = await TestProxy.start({
    file: inFrontOf(app.port),
    objects: [
      indexObject("demo", []),
      workloadObject("demo", "web", {
        ports: [{ port: app.port, protocol: "http", mtls: "PERMISSIVE" }],
        bodyLimits: [
          { name: "EnvoyFilter/demo/buffer[0]", bytes: MOST },
          { name: "EnvoyFilter/demo/buffer[1]", bytes: 2 * MOST },
          { name: "EnvoyFilter/demo/buffer[2]", bytes: 10, port: 1 },
        ],
        telemetry: { accessLog: true },
      }),
    ],
  });
  port = proxy.port("inbound");
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});

const post = (...lines: string[]) => `POST / HTTP/1.1\r\nHost: web\r\n${lines.join("\r\n")}\r\n\r\n`;
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${"x".repeat(bytes)}\r\n`;

describe("a request's body", () => {
  it("as large as is taken gets through, and the connection goes on", async () => {
    using client = await TestClient.open(port);
    for (let i = 1; i <= 2; i++) {
      client.send(post(`Content-Length: ${MOST}`) + "x".repeat(MOST));
      await client.responses(i);
    }
    expect(client.received.match(/HTTP\/1.1 200/g)).toHaveLength(2);
  });

  it("that says it is larger is refused before it comes", async () => {
    const before = requests.length;
    const answer = await exchange(port, post(`Content-Length: ${MOST + 1}`, "Expect: 100-continue"));
    expect(statusOf(answer)).toBe(413);
    expect(answer).toContain("the request's body is larger than is taken here");
    expect(requests).toHaveLength(before);
    await eventually(() => / 413 - request_payload_too_large /.test(proxy.output));
  });

  it("in chunks is refused when it has become larger", async () => {
    using client = await TestClient.open(port);
    client.send(post("Transfer-Encoding: chunked"));
    for (let i = 0; i < 11; i++) client.send(chunk(10_000));
    expect(statusOf(await client.responses(1))).toBe(413);
  });

  it("in chunks that come with the head is refused, too", async () => {
    const answer = await exchange(
      port,
      `${post("Transfer-Encoding: chunked") + chunk(10_000).repeat(11)}0\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(413);
  });

  it("over HTTP/2 is refused on its stream alone", async () => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const ask = async (bytes: number) => {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      stream.on("error", () => {});
      stream.end("x".repeat(bytes));
      const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
      stream.resume();
      await once(stream, "close");
      return answer[":status"];
    };
    expect(await ask(MOST)).toBe(200);
    expect(await ask(3 * MOST)).toBe(413);
    expect(await ask(MOST)).toBe(200);
    session.destroy();
  });
});
