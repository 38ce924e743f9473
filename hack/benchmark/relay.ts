/** Runs under Bun: passes bytes between each client and a connection of its own to the backend, and does nothing else. */
import type { Socket } from "bun";

interface End {
  peer?: Socket<End>;
  early?: Buffer;
}

const [hostname = "", port = "", backendPort = ""] = process.argv.slice(2);

const pass = (socket: Socket<End>, chunk: Buffer) => void socket.data.peer?.write(chunk, 0, chunk.length);
const close = (socket: Socket<End>) => socket.data.peer?.terminate();

Bun.listen<End>({
  hostname,
  port: Number(port),
  socket: {
    open(client) {
      client.data = {};
      client.setNoDelay(true);
      void Bun.connect<End>({
        hostname: "127.0.0.1",
        port: Number(backendPort),
        data: { peer: client },
        socket: {
          open(backend) {
            backend.setNoDelay(true);
            client.data.peer = backend;
            if (client.data.early !== undefined) pass(client, client.data.early);
          },
          data: pass,
          close,
          connectError: () => client.terminate(),
        },
      });
    },
    data(client, chunk) {
      if (client.data.peer === undefined) client.data.early = chunk;
      else pass(client, chunk);
    },
    close,
  },
});
