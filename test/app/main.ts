/**
 * The application of the end-to-end tests and the demo, one executable with several uses:
 * `app serve` (the default) answers requests, `app call`, `grpc`, `connect` and `websocket` make them, `app watch` waits for
 * an answer to change.
 * It runs under Bun with no dependency, so that its image is small and starts at once.
 */
import { callCommand } from "./call.ts";
import { connectCommand } from "./connect.ts";
import { grpcCommand } from "./http2.ts";
import { serve } from "./serve.ts";
import { watchCommand } from "./watch.ts";
import { webSocketCommand } from "./websocket.ts";

const usage = `app: the test application of Weft

  app serve                       HTTP on $PORT (8080), TCP echo on $PORT+1000, a greeting on $PORT+1001, HTTP/2 with gRPC on
                                  $PORT+1002, proxies for CONNECT on $PORT+1005 and for POST on $PORT+1006;
                                  with $TLS_CERTIFICATE and $TLS_KEY HTTPS on $PORT+1003, and on $PORT+1004 for clients
                                  with a certificate of $TLS_CLIENT_CA
  app call --url URL [options]    makes requests and prints a summary as JSON
      --count N (1)  --concurrency C (1)  --rate R (unlimited, per second)  --method M (GET)
      --header NAME:VALUE (repeatable)  --keepalive=false  --timeout MS (10000)
      --fail   exit with 1 unless every request was answered with 2xx      --body   print the one answer's body instead
      --answer print the one answer instead: its status, headers and body as JSON
      --versions print the versions that answered, in the requests' order; {n} in URL and headers is a request's number
  app watch --url URL --until version=V [--interval 2ms] [--timeout 10s] [--header NAME:VALUE]
      prints the epoch milliseconds at which the answer first had the version
  app grpc --url URL [--count N] [--path PATH]       calls at once on one connection, counted by version and grpc-status
  app connect --to HOST:PORT [--send TEXT] [--until TEXT (a line)] [--connections N] [--servername NAME] [--timeout 5s]
      connections that stay open together, with a server name over TLS: what each received until then, and how it ended
  app websocket --url URL         a handshake and one frame, which is to come back
`;

const [command = "serve", ...rest] = process.argv.slice(2);
switch (command) {
  case "serve":
    await serve(process.env);
    break;
  case "call":
    process.exitCode = await callCommand(rest);
    break;
  case "watch":
    process.exitCode = await watchCommand(rest);
    break;
  case "grpc":
    process.exitCode = await grpcCommand(rest);
    break;
  case "connect":
    process.exitCode = await connectCommand(rest);
    break;
  case "websocket":
    process.exitCode = await webSocketCommand(rest);
    break;
  case "--help":
  case "help":
    console.log(usage);
    break;
  default:
    console.error(
      `app: found the command "${command}"; expected serve, call, grpc, connect, websocket or watch\n\n${usage}`,
    );
    process.exitCode = 2;
}
