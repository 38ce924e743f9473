/** `app websocket`: a handshake (RFC 6455) and one masked frame, which the application sends back as it came. */
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { option, parseOptions } from "./options.ts";

export async function webSocketCommand(args: readonly string[]): Promise<number> {
  const frame = Buffer.concat([Buffer.of(0x81, 0x80 | 16), randomBytes(4), randomBytes(16)]);
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  const outcome = await new Promise<object>((fulfil, reject) => {
    const asked = request(option(parseOptions(args), "url", ""), { headers: upgrade, timeout: 10_000 });
    asked.on("error", reject);
    asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.on("response", ({ statusCode }) => fulfil({ status: statusCode, echoed: false }));
    asked.on("upgrade", ({ statusCode }, socket, first) => {
      let received = first;
      const look = () => {
        if (received.length < frame.length) return;
        fulfil({ status: statusCode, echoed: received.equals(frame) });
        socket.destroy();
      };
      socket.on("data", (part: Buffer) => {
        received = Buffer.concat([received, part]);
        look();
      });
      socket.on("error", reject);
      socket.write(frame);
      look();
    });
    asked.end();
  });
  console.log(JSON.stringify(outcome));
  return 0;
}
