import { describe, expect, it } from "vitest";
import { FirstSpeakers, type Greeting, greetingOf } from "./first-speaker.ts";

describe("a server that speaks before its client", () => {
  it.each([
    ["greeting", "220 mail.example ESMTP\r\n"],
    ["greeting", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["greeting", "\x4a\x00\x00\x00\x0a8.0.36"],
    ["greeting", "H"],
    ["greeting", "\x00\x00\x12"],
    ["timeout", "HTTP/1.1 408 Request Timeout\r\n\r\n"],
    ["settings", `\x00\x00\x12\x04\x00\x00\x00\x00\x00${"\x00".repeat(18)}`],
    ["settings", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"],
    ["greeting", "\x00\x00\x05\x04\x00\x00\x00\x00\x00hello"],
  ] satisfies [Greeting, string][])("says %s by %j", (greeting, text) => {
    expect(greetingOf(Buffer.from(text, "latin1"))).toBe(greeting);
  });

  it("is remembered until its client turns out to speak first", () => {
    const speakers = new FirstSpeakers();
    expect(speakers.of("10.0.0.1|99")).toBeUndefined();
    speakers.learn("10.0.0.1|99", "server");
    expect(speakers.of("10.0.0.1|99")).toBe("server");
    speakers.learn("10.0.0.1|99", "client");
    expect(speakers.of("10.0.0.1|99")).toBe("client");
  });

  it("is forgotten when there are too many others", () => {
    const speakers = new FirstSpeakers();
    for (let at = 0; at < 5_000; at++) speakers.learn(`10.0.0.1|${at}`, "server");
    expect(speakers.size).toBe(1024);
    expect(speakers.of("10.0.0.1|0")).toBeUndefined();
    expect(speakers.of("10.0.0.1|4999")).toBe("server");
  });
});
