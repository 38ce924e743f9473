import { describe, expect, it } from "vitest";
import { exchange, TestClient } from "../support/client.ts";
import { eventually } from "../support/poll.ts";
import { ok, TestServer } from "../support/server.ts";
import { proxyFor } from "../support/web.ts";

/** What nobody should do, in no order, to a real proxy. */
const GET = "GET /x HTTP/1.1\r\nHost: web\r\n\r\n";

describe("clients and applications that misbehave at random", () => {
  it("crash nothing and leave nothing behind", async () => {
    let seed = 20_26;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >> 8) % below;
    };
    let behaves = false;
    const responses = [
      ok("fine"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nuntil close",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
      "HTTP/1.1 204 No\r\n\r\nexcess",
      "garbage",
      "",
    ];
    const server = await TestServer.start((socket) => {
      socket.on("end", () => socket.end());
      socket.on("data", () => {
        if (behaves) return void socket.write(ok("fine"));
        const act = random(10);
        if (act === 0) return void socket.destroy();
        if (act === 1) return void socket.resetAndDestroy();
        const response = responses[random(responses.length)] ?? "";
        socket.write(response.slice(0, random(4) === 0 ? random(response.length + 1) : undefined), "latin1");
        if (random(3) === 0) socket.end();
      });
    });
    await using alone = await proxyFor(server.port);
    const requests = [
      GET,
      GET + GET,
      "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      `POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`,
      "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\nzz",
      "HEAD / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n",
      "GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "\0\0\0",
    ];
    const misbehave = async () => {
      for (let round = 0; round < 60; round++) {
        using client = await TestClient.open(alone.port("outbound"));
        const request = requests[random(requests.length)] ?? GET;
        client.send(request.slice(0, random(3) === 0 ? random(request.length + 1) : undefined));
        if (random(4) === 0) client.socket.end();
        if (random(2) === 0) await client.until((text) => text !== "", 30).catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: 8 }, misbehave));
    const open = () => alone.metric("weft_connections_open", { side: "outbound" });
    await eventually(async () => (await open()) === 0);
    expect(await alone.metric("weft_internal_errors_total")).toBe(0);
    expect(alone.log).not.toContain("a bug");
    // Whatever they left in the pool is of no harm to the next one.
    behaves = true;
    for (let round = 0; round < 20; round++) {
      expect(await exchange(alone.port("outbound"), GET)).toBe(ok("fine"));
    }
    await server[Symbol.asyncDispose]();
  });
});
