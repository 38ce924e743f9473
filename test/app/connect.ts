/** `app connect`: connections that stay open together, with or without TLS, and what each got to read. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { milliseconds, option, parseOptions } from "./options.ts";

interface Outcome {
  readonly received: string;
  /** How it ended, unless it had received what was expected. */
  readonly end?: string;
}

/** Reads until `until` has come, the peer ends, or the time is up; the socket stays open. */
function read(socket: Socket, until: string, timeoutMs: number): Promise<Outcome> {
  return new Promise((fulfil) => {
    let received = "";
    const end = (how: string) => fulfil({ received, end: how });
    socket.on("data", (part: Buffer) => {
      received += part.toString("latin1");
      if (received.includes(until)) fulfil({ received });
    });
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("close", () => end("closed"));
    setTimeout(() => end("timeout"), timeoutMs).unref();
  });
}

export async function connectCommand(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const to = option(options, "to", "");
  const at = to.lastIndexOf(":");
  const target = { host: to.slice(0, at), port: Number(to.slice(at + 1)) };
  const servername = options.get("servername")?.at(-1);
  const text = option(options, "send", "");
  const outcomes: Outcome[] = [];
  const sockets: Socket[] = [];
  for (let i = 0; i < Number(option(options, "connections", "1")); i++) {
    const socket =
      servername === undefined
        ? connect(target)
        : connectTls({ ...target, servername, rejectUnauthorized: false });
    sockets.push(socket);
    const outcome = read(
      socket,
      option(options, "until", "\n"),
      milliseconds(option(options, "timeout", "5s")),
    );
    if (text !== "") socket.write(text);
    outcomes.push(await outcome);
  }
  for (const socket of sockets) socket.destroy();
  console.log(JSON.stringify(outcomes));
  return 0;
}
