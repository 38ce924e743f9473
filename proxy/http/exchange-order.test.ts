import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Scene, TIMEOUT_MS, trailers } from "./exchange.fixture.ts";
import { FakeEndpoint } from "./streams.fake.ts";
import type { Version } from "./streams.ts";

describe("whatever happens, in whatever order", () => {
  type Act = (scene: Scene, text: string) => void;
  const acts: Readonly<Record<string, Act>> = {
    "client says": ({ client }, text) => client.says(text),
    "client says the last": ({ client }, text) => client.says(text, true),
    "client ends": ({ client }) => client.ends(trailers),
    "client leaves": ({ client }) => client.leaves(),
    "client is malformed": ({ client }) => client.leaves("malformed"),
    "client is full": ({ client }) => {
      client.full = true;
    },
    "client drains": ({ client }) => client.drains(),
    "endpoint informs": ({ endpoint }) => endpoint.informs(),
    "endpoint responds": ({ endpoint }, text) => endpoint.responds(200, text),
    "endpoint responds whole": ({ endpoint }, text) => endpoint.responds(200, text, true),
    "endpoint has nothing": ({ endpoint }, text) => endpoint.responds(503, text),
    "endpoint says": ({ endpoint }, text) => endpoint.says(text),
    "endpoint says the last": ({ endpoint }, text) => endpoint.says(text, true),
    "endpoint ends": ({ endpoint }) => endpoint.ends(trailers),
    "endpoint fails": ({ endpoint }) => endpoint.fails(),
    "endpoint refuses": ({ endpoint }) => endpoint.fails("refused"),
    "endpoint is full": ({ endpoint }) => {
      endpoint.full = true;
    },
    "endpoint drains": ({ endpoint }) => endpoint.drains(),
    "retry's turn": (scene) => scene.retry(),
    "time goes by": ({ time }) => time.advance(1_000),
  };
  const frequent = Object.keys(acts).filter((name) => /says$|full|drains|responds$|turn/.test(name));
  const act = fc.oneof(fc.constantFrom(...frequent), fc.constantFrom(...Object.keys(acts)));

  it("a request ends once, nothing comes after, nothing stays paused, and no byte is lost or doubled", () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 30 }),
        fc.constantFrom<Version>(1, 2),
        fc.boolean(),
        (names, version, patient) => {
          const scene = new Scene({
            version,
            patient,
            retried: [503],
            endpoints: [new FakeEndpoint(version), new FakeEndpoint(version), new FakeEndpoint(version)],
          });
          const { client, exchange } = scene;
          let sent = "";
          for (const [index, name] of names.entries()) {
            const text = `<${index}>`;
            if (/client says/.test(name) && !/\$|!/.test(sent))
              sent += name.endsWith("last") ? `${text}$` : text;
            else if (name === "client ends" && !/\$|!/.test(sent)) sent += "!";
            else if (/^client (says|ends)/.test(name)) continue;
            acts[name]?.(scene, text);
            // Each endpoint has a beginning of what was said, without a hole.
            for (const { got } of scene.endpoints) expect(sent.replace("!", "$").startsWith(got)).toBe(true);
          }
          const { endings } = scene;
          expect(endings).toBe(exchange.active ? 0 : 1);
          client.drains();
          scene.retry();
          scene.working?.drains();
          if (exchange.active && scene.working !== undefined) {
            expect([client.held, scene.working.held, client.waiting]).toEqual([false, false, ""]);
            expect(scene.working.got).toBe(sent.replace("!", "$"));
          }
          if (exchange.active) scene.time.advance(TIMEOUT_MS + 50);
          expect([scene.endings, scene.idle, exchange.active]).toEqual([1, 1, false]);
          expect(client.end).not.toBe("");
          expect(scene.working).toBeUndefined();
          expect(scene.wheel.size).toBe(0);
          expect(scene.objections).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
