import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { isLocalAddress } from "./address.ts";
import { fetchDocument } from "./fetch.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

const options = { timeoutMs: 2_000, allowLocal: true, signal: new AbortController().signal };

describe("a document", () => {
  it("is read whole, through redirects", async () => {
    const base = await serve(({ url }, response) => {
      if (url === "/keys") response.end("here");
      else response.writeHead(302, { location: "/keys" }).end();
    });
    expect(await fetchDocument(`${base}/old`, options)).toBe("here");
  });

  it.each<[string, RequestListener, string]>([
    ["is not there", (_, response) => void response.writeHead(404).end(), "status 404, expected 200"],
    [
      "goes round in circles",
      (_, response) => void response.writeHead(301, { location: "/x" }).end(),
      "more than 3 redirects",
    ],
    [
      "leads elsewhere",
      (_, response) => void response.writeHead(301, { location: "file:///etc/passwd" }).end(),
      "is no http or https address",
    ],
    ["is endless", (_, response) => void response.end(Buffer.alloc(300_000)), "more than 262144 bytes"],
  ])("that %s is refused", async (_, listener, says) => {
    await expect(fetchDocument(await serve(listener), options)).rejects.toThrow(says);
  });

  it("that does not come in time is given up", async () => {
    const base = await serve(() => {});
    await expect(fetchDocument(base, { ...options, timeoutMs: 50 })).rejects.toThrow();
  });

  it.each([
    "http://127.0.0.1:1/",
    "http://[::1]:1/",
    "http://localhost:1/",
    "http://169.254.169.254/",
    "http://0x7f.1/",
  ])("at %s is not asked for", async (address) => {
    await expect(fetchDocument(address, { ...options, allowLocal: false })).rejects.toThrow(
      "loopback or link-local address, which keys are not fetched from",
    );
  });
});

describe("an address", () => {
  it.each([
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "169.254.169.254",
    "100.100.100.200",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "fd00:ec2::254",
    "keys",
  ])("%s is local", (address) => expect(isLocalAddress(address)).toBe(true));

  it.each(["10.96.0.1", "198.18.0.1", "192.0.2.7", "2001:db8::1", "fd12::1"])("%s is not", (address) =>
    expect(isLocalAddress(address)).toBe(false),
  );
});
