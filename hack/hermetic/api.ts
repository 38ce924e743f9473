import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";

/** Just enough of a client to see a cluster come up; the agent keeps one connection. */
export interface Api {
  /** GET; the decoded body, or undefined when there was no answer or another status than 200. */
  get(path: string): Promise<unknown>;
  close(): void;
}

/** A client for the server and the administrator in a kubeconfig that `up` wrote. */
export async function connect(kubeconfig: string): Promise<Api> {
  const text = await readFile(kubeconfig, "utf8");
  const field = (name: string) => new RegExp(`${name}: (.*)`).exec(text)?.[1] ?? "";
  const pem = (name: string) => Buffer.from(field(name), "base64");
  const agent = new Agent({
    keepAlive: true,
    ca: pem("certificate-authority-data"),
    cert: pem("client-certificate-data"),
    key: pem("client-key-data"),
  });
  const server = field("server");
  return {
    get: (path) =>
      new Promise((done) => {
        const call = request(`${server}${path}`, { agent, timeout: 3_000 }, (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", () => done(undefined));
          response.once("end", () => {
            const body = Buffer.concat(chunks).toString();
            if (response.statusCode !== 200) return done(undefined);
            try {
              done(JSON.parse(body));
            } catch {
              done(body);
            }
          });
        });
        call.once("timeout", () => call.destroy());
        call.once("error", () => done(undefined));
        call.end();
      }),
    close: () => agent.destroy(),
  };
}
