import { describe, expect, it } from "vitest";
import { refusal } from "../http/refusal.ts";
import { ResponseHead } from "../http/response-head.ts";
import { readResponse } from "./read-response.ts";
import {
  NEVER,
  ON_101,
  ON_SUCCESS,
  ON_WEBSOCKET,
  type Switches,
  switched,
  webSocketKey,
} from "./switches.ts";

function answer(switches: Switches, lines: string): string {
  const bytes = Buffer.from(`HTTP/1.1 ${lines}\r\n\r\n`);
  const head = new ResponseHead();
  expect(readResponse(head, bytes, 0, bytes.length)).toBe(bytes.length);
  const result = switched(switches, head);
  if (result < 0) return refusal(result).reason;
  return result === 1 ? "switched" : "ordinary";
}

describe("an answer", () => {
  it.each<[string, Switches, string, string]>([
    ["to an ordinary request", NEVER, "200 OK", "ordinary"],
    ["to an ordinary request", NEVER, "101 Go\r\nUpgrade: websocket", "ordinary"],
    ["to an upgrade", ON_101, "101 Go\r\nUpgrade: websocket", "switched"],
    ["to an upgrade", ON_101, "200 OK", "ordinary"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "101 Go\r\nUpgrade: WebSocket", "switched"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "101 Go\r\nUpgrade: h2c", "not_switched"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "101 Go", "not_switched"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "200 OK", "not_switched"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "204 No", "not_switched"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "100 Continue", "ordinary"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "302 Found", "ordinary"],
    ["to a WebSocket of HTTP/2", ON_WEBSOCKET, "403 No", "ordinary"],
    ["to a CONNECT", ON_SUCCESS, "200 OK", "switched"],
    ["to a CONNECT", ON_SUCCESS, "200 OK\r\nContent-Length: 0", "connect_framing"],
    ["to a CONNECT", ON_SUCCESS, "101 Go\r\nUpgrade: websocket", "ordinary"],
    ["to a CONNECT", ON_SUCCESS, "407 No", "ordinary"],
  ])("%s (%i, %j) is: %s", (_name, switches, lines, expected) => {
    expect(answer(switches, lines)).toBe(expected);
  });
});

describe("the key of a WebSocket", () => {
  it("is a line of 16 random bytes, each time others", () => {
    const keys = new Set(Array.from({ length: 1_000 }, webSocketKey));
    expect(keys.size).toBe(1_000);
    for (const key of keys) expect(key).toMatch(/^sec-websocket-key: [A-Za-z0-9+/]{22}==\r\n$/);
  });
});
