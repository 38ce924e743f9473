/** Cross-origin requests (VirtualService `corsPolicy`). */
import { judgeSharing } from "../../route/cors.ts";
import type { Layer } from "./request.ts";

/** Answers browsers' preflights, and marks the responses that scripts of an allowed origin may read. */
export const shareOrigin: Layer = (request) => {
  const { result, exchange } = request;
  const cors = result !== undefined && "route" in result ? result.route.cors : undefined;
  if (cors === undefined) return "next";
  const sharing = judgeSharing(cors, request);
  switch (sharing.kind) {
    case "none":
      return "next";
    case "preflight":
      exchange.reply(200, "", sharing.headers);
      return "done";
    case "share":
      request.share(sharing.response);
      return "next";
  }
};
