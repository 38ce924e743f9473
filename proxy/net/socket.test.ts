import { describe, expect, it, vi } from "vitest";
import { FakeTime, fakeSocket } from "./socket.fake.ts";
import { splice } from "./splice.ts";
import { TimerWheel } from "./timer-wheel.ts";

function recorder() {
  return { data: vi.fn(), writable: vi.fn(), ended: vi.fn(), closed: vi.fn() };
}
const bytes = (text: string) => Buffer.from(text);

describe("a socket", () => {
  it("keeps what the kernel does not take, in order, and says when the source may go on", () => {
    const { socket, raw } = fakeSocket();
    const events = recorder();
    socket.events = events;
    raw.room = 3;
    expect(socket.write(bytes("hello"), 0, 5)).toBe(false);
    expect(socket.write(bytes(" world"), 0, 6)).toBe(false);
    expect(socket.congested).toBe(true);
    raw.room = 4;
    socket.onDrain();
    expect(events.writable).not.toHaveBeenCalled();
    raw.room = 100;
    socket.onDrain();
    expect(raw.text).toBe("hello world");
    expect(events.writable).toHaveBeenCalledOnce();
    expect(socket.write(bytes("!"), 0, 1)).toBe(true);
  });

  it("copies what waits of a shared buffer", () => {
    const { socket, raw } = fakeSocket();
    raw.room = 1;
    const shared = bytes("abc");
    socket.write(shared, 0, 3, true);
    shared.fill("x");
    raw.room = 100;
    socket.onDrain();
    expect(raw.text).toBe("abc");
  });

  it("shuts down and ends only once everything is written", () => {
    for (const how of ["shutdown", "end"] as const) {
      const { socket, raw } = fakeSocket();
      raw.room = 1;
      socket.write(bytes("abc"), 0, 3);
      socket[how]();
      expect(raw.ending).toBe("no");
      raw.room = 100;
      socket.onDrain();
      expect(raw.text).toBe("abc");
      expect(raw.ending).toBe(how);
    }
  });

  it("writes nothing after its FIN", () => {
    const { socket, raw } = fakeSocket();
    socket.shutdown();
    socket.write(bytes("late"), 0, 4);
    expect(raw.text).toBe("");
  });

  it("closes when both sides have said FIN, in either order", () => {
    const first = fakeSocket();
    first.socket.shutdown();
    first.socket.onEnd();
    expect(first.raw.ending).toBe("end");
    const second = fakeSocket();
    second.socket.onEnd();
    second.socket.shutdown();
    expect(second.raw.ending).toBe("end");
  });

  it("tells its owner of its end once, and of nothing after", () => {
    const { socket } = fakeSocket();
    const events = recorder();
    socket.events = events;
    socket.onClose(new Error("reset"));
    socket.onClose(undefined);
    socket.onData(bytes("x"));
    expect(events.closed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: "reset" }));
    expect(events.data).not.toHaveBeenCalled();
  });

  it("counts bytes both ways", () => {
    const { socket } = fakeSocket();
    socket.onData(bytes("abc"));
    socket.write(bytes("xabcdx"), 1, 5);
    expect(socket).toMatchObject({ bytesRead: 3, bytesWritten: 4 });
  });
});

describe("two joined sockets", () => {
  function joined() {
    const client = fakeSocket();
    const endpoint = fakeSocket();
    const over = vi.fn();
    const time = new FakeTime();
    const wheel = new TimerWheel(time, 10);
    const pair = splice(
      client.socket,
      endpoint.socket,
      { fromClient: bytes("early ") },
      { wheel, ms: 1_000 },
      over,
    );
    return { client, endpoint, over, pair, time, wheel };
  }

  it("are broken off when neither says anything for long, and only then", () => {
    const { client, endpoint, time, wheel } = joined();
    for (let round = 0; round < 5; round++) {
      time.advance(900);
      (round % 2 === 0 ? client : endpoint).socket.onData(bytes("x"));
    }
    expect(client.raw.ending).toBe("no");
    time.advance(1_100);
    expect(client.raw.ending).toBe("terminated");
    expect(endpoint.raw.ending).toBe("terminated");
    client.socket.onClose(undefined);
    endpoint.socket.onClose(undefined);
    expect(wheel.size).toBe(0);
  });

  it("pass bytes both ways, what was read before they were joined first", () => {
    const { client, endpoint } = joined();
    client.socket.onData(bytes("hello"));
    endpoint.socket.onData(bytes("answer"));
    expect(endpoint.raw.text).toBe("early hello");
    expect(client.raw.text).toBe("answer");
  });

  it("stop the source while the sink is full", () => {
    const { client, endpoint } = joined();
    endpoint.raw.room = 1;
    client.socket.onData(bytes("abc"));
    expect(client.raw.paused).toBe(true);
    endpoint.raw.room = 100;
    endpoint.socket.onDrain();
    expect(client.raw.paused).toBe(false);
    expect(endpoint.raw.text).toBe("early abc");
  });

  it("pass a FIN on and let the other direction finish", () => {
    const { client, endpoint, over } = joined();
    client.socket.onEnd();
    expect(endpoint.raw.ending).toBe("shutdown");
    endpoint.socket.onData(bytes("still talking"));
    expect(client.raw.text).toBe("still talking");
    endpoint.socket.onEnd();
    expect(client.raw.ending).toBe("end");
    client.socket.onClose(undefined);
    endpoint.socket.onClose(undefined);
    expect(over).toHaveBeenCalledExactlyOnceWith(undefined);
  });

  it("pass a reset on as a reset", () => {
    const { client, endpoint, over } = joined();
    endpoint.socket.onClose(new Error("reset"));
    expect(client.raw.ending).toBe("terminated");
    client.socket.onClose(undefined);
    expect(over).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ message: "reset" }));
  });

  it("pass on a FIN that came before they were joined", () => {
    const client = fakeSocket();
    const endpoint = fakeSocket();
    client.socket.onEnd();
    const wheel = new TimerWheel(new FakeTime(), 10);
    splice(client.socket, endpoint.socket, { fromClient: bytes("all") }, { wheel, ms: 1_000 }, () => {});
    expect(endpoint.raw.text).toBe("all");
    expect(endpoint.raw.ending).toBe("shutdown");
  });
});
