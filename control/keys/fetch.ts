/** Documents from addresses that users name: bounded in size and time, and never from where they should not lead. */
import { type LookupAddress, lookup as resolve } from "node:dns";
import { type IncomingMessage, request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isLocalAddress } from "./address.ts";

export interface FetchOptions {
  readonly timeoutMs: number;
  /** Whether loopback and link-local addresses may be asked. */
  readonly allowLocal: boolean;
  readonly signal: AbortSignal;
}

/** The text at an address; rejects with an error that says what went wrong, and never with what was found. */
export type Fetch = (address: string, options: FetchOptions) => Promise<string>;

/** Sets with certificates of a dozen keys have 30 KB. */
const maxBytes = 256 * 1024;
const maxRedirects = 3;

export const fetchDocument: Fetch = async (address, options) => {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  let url = parseAddress(address);
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, options.allowLocal, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      response.destroy();
      if (redirects === maxRedirects) throw new Error(`more than ${maxRedirects} redirects`);
      const next = parseAddress(new URL(headers.location, url).href);
      if (url.protocol === "https:" && next.protocol !== "https:")
        throw new Error("a redirect leads from https to http");
      url = next;
      continue;
    }
    if (statusCode !== 200) {
      response.destroy();
      throw new Error(`status ${statusCode}, expected 200`);
    }
    return await read(response);
  }
};

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new Error(`${address.slice(0, 200)} is no http or https address`);
  return url;
}

function get(url: URL, allowLocal: boolean, signal: AbortSignal): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!allowLocal && isIP(host) !== 0 && isLocalAddress(host)) return Promise.reject(refused(host));
  // The address that is judged is the one that is dialled: a name may stand for another one a moment later.
  const options: RequestOptions = {
    signal,
    agent: false,
    headers: { accept: "application/json", "user-agent": "weft-control" },
    ...(allowLocal ? {} : { lookup: guardedLookup }),
  };
  return new Promise((settle, reject) => {
    const send = url.protocol === "https:" ? overHttps : overHttp;
    send(url, options, settle).on("error", reject).end();
  });
}

const guardedLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, "", 0);
    const bad = addresses.find(({ address }) => isLocalAddress(address));
    const [first] = addresses;
    if (bad !== undefined || first === undefined) return callback(refused(bad?.address ?? hostname), "", 0);
    if (options.all === true) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};

function refused(address: string): Error {
  return new Error(
    `${address} is a loopback or link-local address, which keys are not fetched from; expected another one, or localKeyAddresses: true in the MeshInstallation`,
  );
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new Error(`more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
