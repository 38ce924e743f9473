/**
 * Traffic of every kind through two proxies for as long as asked, and what each proxy holds in memory meanwhile: small and large
 * bodies either way, chunks, errors, clients that leave, connections that come and go; HTTP/1.1, HTTP/2 and opaque bytes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ProxyPair } from "./proxy-pair.ts";
import { startSoakApplication } from "./soak-application.ts";
import { type Kind, kinds, SoakClients } from "./soak-clients.ts";
import { quantile } from "./statistics.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** In 127.0.0.0/8, for the server's proxy. */
  readonly address: string;
  /** Clients, each with one request at a time. */
  readonly clients: number;
  /** Called about once a second. */
  readonly progress?: (sample: SoakSample) => void;
}

export interface SoakSample {
  readonly seconds: number;
  readonly requests: number;
  /** Anonymous memory, MB. */
  readonly client: number;
  readonly server: number;
}

export interface SoakResult {
  readonly requests: number;
  /** Requests that ended otherwise than they should. */
  readonly errors: readonly string[];
  readonly samples: readonly SoakSample[];
}

/** More would tell nothing new. */
const MAX_ERRORS = 1_000;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  await using application = await startSoakApplication(options.address);
  await using pair = await ProxyPair.start({
    address: options.address,
    application: application.port,
    protocol: "auto",
  });
  using clients = new SoakClients(pair.port, options.clients);
  return await load(pair, clients, options);
}

async function load(pair: ProxyPair, clients: SoakClients, options: SoakOptions): Promise<SoakResult> {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const errors: string[] = [];
  const samples: SoakSample[] = [];
  let requests = 0;
  const client = async (first: number) => {
    for (let i = first; elapsed() < options.seconds && errors.length < MAX_ERRORS; i++) {
      requests++;
      const { name, run } = kinds[i % kinds.length] as Kind;
      await run(clients, i).catch((error: unknown) => {
        errors.push(`request ${i} (${name}): ${error}`);
      });
    }
  };
  const all = Array.from({ length: options.clients }, (_, i) => client(i));
  while (elapsed() < options.seconds && errors.length < MAX_ERRORS) {
    await sleep(1_000);
    const sample = {
      seconds: elapsed(),
      requests,
      client: pair.client.anonymousMegabytes(),
      server: pair.server.anonymousMegabytes(),
    };
    samples.push(sample);
    options.progress?.(sample);
  }
  await Promise.all(all);
  return { requests, errors, samples };
}

/** The medians of the middle third and of the last, of samples in the order in which they were taken. */
export function thirds(samples: readonly number[]): { readonly middle: number; readonly last: number } {
  const third = Math.floor(samples.length / 3);
  return {
    middle: quantile(samples.slice(-2 * third, -third), 0.5),
    last: quantile(samples.slice(-third), 0.5),
  };
}
