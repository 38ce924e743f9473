/** A stream that says nothing for too long counts as dead. */
import type { Clock } from "../clock.ts";

/** No byte for this long and the connection counts as dead: bookmarks come every minute. In ms. */
const silenceMs = 100_000;

/** The bytes of a stream, which is aborted when it is silent for too long. */
export async function* whileHeard(
  bytes: AsyncIterable<Uint8Array>,
  clock: Clock,
  abort: AbortController,
): AsyncGenerator<Uint8Array> {
  const bark = () => abort.abort(new Error(`no byte within ${silenceMs} ms`));
  let cancel = clock.after(silenceMs, bark);
  try {
    for await (const chunk of bytes) {
      cancel();
      cancel = clock.after(silenceMs, bark);
      yield chunk;
    }
  } finally {
    cancel();
  }
}
