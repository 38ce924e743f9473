import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { UpstreamEvents, UpstreamFailure } from "../http/streams.ts";
import { fakeSocket } from "../net/socket.fake.ts";
import { ResponseConnection } from "./response-connection.ts";
import { NEVER, ON_101, ON_SUCCESS, type Switches } from "./switches.ts";

class Recorder implements UpstreamEvents {
  readonly events: string[] = [];
  body = "";
  informational(head: { status: number }): void {
    this.events.push(`informational ${head.status}`);
  }
  response(head: { status: number }, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.events.push(`response ${head.status}`);
    return this.responseBody(bytes, start, end) || last;
  }
  responseBody(bytes: Buffer, start: number, end: number): boolean {
    this.body += bytes.toString("latin1", start, end);
    return true;
  }
  responseTrailers(): void {}
  complete(): void {
    this.events.push("complete");
  }
  switched(_socket: unknown, _head: unknown, early: Buffer | undefined): void {
    this.events.push(`switched ${early?.toString() ?? ""}`);
  }
  failed(failure: UpstreamFailure): void {
    this.events.push(`failed ${failure.kind} answered=${failure.answered} reused=${failure.reused}`);
  }
  endpointWritable(): void {}
}

function open(noBody = false, switches: Switches = NEVER) {
  const { socket, raw } = fakeSocket();
  const owner = { free: vi.fn(), gone: vi.fn(), switched: vi.fn() };
  const connection = new ResponseConnection(socket, owner);
  const recorder = new Recorder();
  connection.begin(recorder, noBody, switches);
  connection.requestDone();
  return { socket, raw, owner, connection, recorder };
}

describe("a connection to an endpoint", () => {
  it("falls free after a whole response", () => {
    const { socket, owner, connection, recorder } = open();
    socket.onData(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    expect(recorder.events).toEqual(["response 200", "complete"]);
    expect(owner.free).toHaveBeenCalledExactlyOnceWith(connection);
  });

  it.each([
    ["says close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"],
    ["is of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
    [
      "is followed by more than was asked for",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n",
    ],
  ])("is closed after a response that %s", (_what, text) => {
    const { socket, raw, owner, recorder } = open();
    socket.onData(Buffer.from(text));
    expect(recorder.events).toEqual(["response 200", "complete"]);
    expect(recorder.body).toBe("hi");
    expect(owner.free).not.toHaveBeenCalled();
    expect(owner.gone).toHaveBeenCalledOnce();
    expect(raw.ending).toBe("terminated");
  });

  it("is not reused when it answered before the request was whole", () => {
    const { socket, raw } = fakeSocket();
    const owner = { free: vi.fn(), gone: vi.fn(), switched: vi.fn() };
    const connection = new ResponseConnection(socket, owner);
    connection.begin(new Recorder(), false);
    socket.onData(Buffer.from("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"));
    expect(owner.free).not.toHaveBeenCalled();
    expect(raw.ending).toBe("terminated");
  });

  it("passes interim responses on and waits for the final one", () => {
    const { socket, recorder } = open();
    socket.onData(
      Buffer.from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200"),
    );
    socket.onData(Buffer.from(" OK\r\nContent-Length: 0\r\n\r\n"));
    expect(recorder.events).toEqual(["informational 100", "informational 103", "response 200", "complete"]);
  });

  it("ends a body without a length with the connection", () => {
    const { socket, owner, recorder } = open();
    socket.onData(Buffer.from("HTTP/1.1 200 OK\r\n\r\nsome"));
    socket.onData(Buffer.from(" more"));
    socket.onEnd();
    expect(recorder.events).toEqual(["response 200", "complete"]);
    expect(recorder.body).toBe("some more");
    expect(owner.free).not.toHaveBeenCalled();
  });

  it.each([
    ["before any byte", "", "failed reset answered=false reused=false"],
    ["in its head", "HTTP/1.1 200 OK\r\n", "failed reset answered=true reused=false"],
  ])("that goes away %s fails the request", (_when, text, event) => {
    const { socket, recorder } = open();
    if (text !== "") socket.onData(Buffer.from(text));
    socket.onClose(new Error("reset"));
    expect(recorder.events).toEqual([event]);
  });

  it("that goes away in the middle of a counted body fails the request even in order", () => {
    const { socket, recorder } = open();
    socket.onData(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
    socket.onEnd();
    expect(recorder.events).toEqual(["response 200", "failed reset answered=true reused=false"]);
  });

  it("says of its second request that it was reused", () => {
    const { socket, connection, recorder } = open();
    socket.onData(Buffer.from("HTTP/1.1 204 No\r\n\r\n"));
    connection.begin(recorder, false);
    socket.onEnd();
    expect(recorder.events.at(-1)).toBe("failed reset answered=false reused=true");
  });

  it("is closed when it speaks without having been asked", () => {
    const { socket, raw, connection } = open();
    socket.onData(Buffer.from("HTTP/1.1 204 No\r\n\r\n"));
    socket.onData(Buffer.from("HTTP/1.1 200 poisoned\r\n\r\n"));
    expect(raw.ending).toBe("terminated");
    expect(connection.usable).toBe(false);
  });

  it("hands itself over when it switches protocols, if that was asked for", () => {
    const asked = open(false, ON_101);
    asked.socket.onData(Buffer.from("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\nearly"));
    expect(asked.recorder.events).toEqual(["switched early"]);
    expect(asked.owner.switched).toHaveBeenCalledOnce();
    const notAsked = open();
    notAsked.socket.onData(Buffer.from("HTTP/1.1 101 Go\r\n\r\n"));
    expect(notAsked.recorder.events).toEqual(["failed malformed answered=true reused=false"]);
  });

  it.each([
    ["opens a tunnel with a 2xx", "HTTP/1.1 200 Ok\r\n\r\nearly", ["switched early"]],
    [
      "opens one after 100",
      "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 Ok\r\n\r\nx",
      ["informational 100", "switched x"],
    ],
    [
      "refuses one that is framed",
      "HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\n",
      ["failed malformed answered=true reused=false"],
    ],
    ["takes no 101", "HTTP/1.1 101 Go\r\n\r\n", ["failed malformed answered=true reused=false"]],
    [
      "is not reused after a refusal",
      "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
      ["response 407", "complete"],
    ],
  ])("that was asked for a tunnel %s", (_name, text, events) => {
    const { socket, owner, recorder } = open(false, ON_SUCCESS);
    socket.onData(Buffer.from(text));
    expect(recorder.events).toEqual(events);
    expect(owner.free).not.toHaveBeenCalled();
  });

  it("gives the same response however its bytes are cut", () => {
    const text = fc.constantFrom(
      "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX",
      "HTTP/1.1 304 Not\r\nContent-Length: 99\r\n\r\n",
      "nonsense\r\n\r\n",
      "HTTP/1.1 200 OK\nX: y\n\n",
    );
    const run = (whole: string, cuts: readonly number[]) => {
      const { socket, recorder } = open();
      let at = 0;
      for (const end of [...cuts.map((cut) => cut % whole.length).sort((a, b) => a - b), whole.length]) {
        if (end > at) socket.onData(Buffer.from(whole.slice(at, end), "latin1"));
        at = Math.max(at, end);
      }
      return recorder.events;
    };
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 10 }), (whole, cuts) => {
        expect(run(whole, cuts).filter((each) => !each.startsWith("response"))).toEqual(
          run(whole, []).filter((each) => !each.startsWith("response")),
        );
      }),
    );
  });
});
