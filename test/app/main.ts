/**
 * The application of the end-to-end tests and the demo, one executable with three uses:
 * `app serve` (the default) answers requests, `app call` makes them, `app watch` waits for an answer to change.
 * It runs under Bun with no dependency, so that its image is small and starts at once.
 */
import { callCommand } from "./call.ts";
import { serve } from "./serve.ts";
import { watchCommand } from "./watch.ts";

const usage = `app: the test application of Weft

  app serve                       HTTP on $PORT (8080), TCP echo on $PORT+1000, a greeting on $PORT+1001
  app call --url URL [options]    makes requests and prints a summary as JSON
      --count N (1)  --concurrency C (1)  --rate R (unlimited, per second)  --method M (GET)
      --header NAME:VALUE (repeatable)  --keepalive=false  --timeout MS (10000)
      --fail   exit with 1 unless every request was answered with 2xx      --body   print the one answer's body instead
      --answer print the one answer instead: its status, headers and body as JSON
  app watch --url URL --until version=V [--interval 2ms] [--timeout 10s] [--header NAME:VALUE]
      prints the epoch milliseconds at which the answer first had the version
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
  case "--help":
  case "help":
    console.log(usage);
    break;
  default:
    console.error(`app: found the command "${command}"; expected serve, call or watch\n\n${usage}`);
    process.exitCode = 2;
}
