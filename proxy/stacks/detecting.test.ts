import { beforeEach, describe, expect, it } from "vitest";
import type { Protocol } from "../config/view.ts";
import { FirstSpeakers } from "../detect/first-speaker.ts";
import { type FakeRaw, FakeTime, fakeSocket } from "../net/socket.fake.ts";
import type { Socket } from "../net/socket.ts";
import { TimerWheel } from "../net/timer-wheel.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { Connections } from "./connections.ts";
import { type Detection, detectProtocol } from "./detecting.ts";
import type { Spare, SpareEvents } from "./spare.ts";

class FakeSpare implements Spare {
  readonly events: SpareEvents;
  fate: "open" | "taken" | "dropped" = "open";
  constructor(events: SpareEvents) {
    this.events = events;
  }
  take(): void {
    this.fate = "taken";
  }
  drop(): void {
    this.fate = "dropped";
  }
}

const telemetry = { openConnections: { of: () => ({ value: 0 }) } } as unknown as Telemetry;
const bytes = (text: string) => Buffer.from(text, "latin1");

let time: FakeTime;
let speakers: FirstSpeakers;
let connections: Connections;
let wheel: TimerWheel;

beforeEach(() => {
  time = new FakeTime();
  speakers = new FirstSpeakers();
  connections = new Connections(telemetry);
  wheel = new TimerWheel(time, 10);
});

interface Case {
  readonly socket: Socket;
  readonly raw: FakeRaw;
  readonly spares: FakeSpare[];
  detection: Detection | undefined;
}

function begin(protocol: Protocol = "auto", open = (events: SpareEvents) => new FakeSpare(events)): Case {
  const { socket, raw } = fakeSocket();
  const spares: FakeSpare[] = [];
  const result: Case = { socket, raw, spares, detection: undefined };
  const expected = {
    protocol,
    destination: "10.0.0.1|99",
    speakers,
    open(events: SpareEvents) {
      const spare = open(events);
      spares.push(spare);
      return spare;
    },
  };
  detectProtocol(socket, { wheel, connections }, "outbound", expected, (detection) => {
    result.detection = detection;
  });
  return result;
}

describe("a connection to a port that does not say", () => {
  it("whose client speaks at once needs no spare connection", () => {
    const each = begin();
    each.socket.onData(bytes("GET / HTTP/1.1\r\n"));
    time.advance(60_000);
    expect(each.detection).toMatchObject({ protocol: "http1", spare: undefined });
    expect(each.spares).toEqual([]);
    expect(connections.size).toBe(0);
  });

  it("whose client is silent has one, and is opaque as soon as the server speaks", () => {
    const each = begin();
    time.advance(50);
    expect(each.spares).toHaveLength(1);
    expect(each.detection).toBeUndefined();
    each.spares[0]?.events.spoke(true);
    expect(each.detection).toMatchObject({ protocol: "tcp", first: undefined, spare: each.spares[0] });
    expect(connections.size).toBe(0);
  });

  it("drops it when the client speaks HTTP after all, however late", () => {
    const each = begin();
    time.advance(60_000);
    each.socket.onData(bytes("GET / HTTP/1.1\r\n"));
    expect(each.detection).toMatchObject({ protocol: "http1", spare: undefined });
    expect(each.spares[0]?.fate).toBe("dropped");
  });

  it("uses it when the client speaks something opaque", () => {
    const each = begin();
    time.advance(50);
    each.socket.onData(bytes("ehlo me\r\n"));
    expect(each.detection).toMatchObject({ protocol: "tcp", spare: each.spares[0] });
  });

  it("drops it when the client leaves", () => {
    const each = begin();
    time.advance(50);
    each.socket.onClose(undefined);
    expect(each.spares[0]?.fate).toBe("dropped");
    expect(each.detection).toBeUndefined();
    expect(connections.size).toBe(0);
    expect(wheel.size).toBe(0);
  });

  it("does not wait where the server has spoken first before", () => {
    const first = begin();
    time.advance(50);
    first.spares[0]?.events.spoke(true);
    const second = begin();
    expect(second.spares).toHaveLength(1);
  });

  it("and is still HTTP there when its client begins with it, which is remembered", () => {
    speakers.learn("10.0.0.1|99", "server");
    const each = begin();
    each.socket.onData(bytes("GET / HTTP/1.1\r\n"));
    expect(each.detection?.protocol).toBe("http1");
    expect(each.spares[0]?.fate).toBe("dropped");
    const next = begin();
    time.advance(1_000);
    expect(next.spares).toEqual([]);
    time.advance(10_000);
    expect(next.spares).toHaveLength(1);
  });

  it("learns nothing from a server that only complains of the silence, and nothing from one that interrupts", () => {
    const complaint = begin();
    time.advance(50);
    complaint.spares[0]?.events.spoke(false);
    expect(complaint.detection?.protocol).toBe("tcp");
    const interrupted = begin();
    time.advance(50);
    interrupted.socket.onData(bytes("GET"));
    interrupted.spares[0]?.events.spoke(true);
    expect(interrupted.detection).toMatchObject({ protocol: "tcp", first: bytes("GET") });
    expect(speakers.size).toBe(0);
  });

  it("whose endpoint cannot be reached leaves a silent client some time to begin", () => {
    const each = begin("auto", (events) => {
      events.lost();
      return new FakeSpare(events);
    });
    time.advance(4_000);
    expect(each.detection).toBeUndefined();
    time.advance(2_000);
    expect(each.detection).toMatchObject({ protocol: "tcp", spare: undefined });
  });

  it("is opaque when the first line does not come to its end", () => {
    const each = begin();
    each.socket.onData(bytes("PING"));
    time.advance(6_000);
    expect(each.detection).toMatchObject({ protocol: "tcp", first: bytes("PING") });
  });

  it("passes on the end of a client that has nothing to say", () => {
    const each = begin();
    each.socket.onEnd();
    expect(each.detection).toMatchObject({ protocol: "tcp", first: undefined });
  });
});

describe("a connection to a port that says", () => {
  it("waits for its client, and dials nothing meanwhile", () => {
    const each = begin("http");
    time.advance(600_000);
    expect(each.spares).toEqual([]);
    each.socket.onData(bytes("GET / HTTP/1.1\r\n"));
    expect(each.detection?.protocol).toBe("http1");
  });

  it.each([
    ["http", "http1"],
    ["http2", "http2"],
    ["grpc", "http2"],
  ] as const)("%s takes what is no request for malformed %s", (protocol, refusing) => {
    const each = begin(protocol);
    each.socket.onData(bytes("GET\t/ HTTP/1.1\r\n"));
    expect(each.detection?.protocol).toBe(refusing);
  });

  it("is closed when its client leaves without a word, says none for an hour, or half a one for half a minute", () => {
    const left = begin("http");
    left.socket.onEnd();
    expect(left.raw.ending).toBe("end");
    const half = begin("http");
    half.socket.onData(bytes("GE"));
    time.advance(40_000);
    expect(half.raw.ending).toBe("end");
    const silent = begin("http");
    time.advance(3_700_000);
    expect(silent.raw.ending).toBe("end");
  });
});
