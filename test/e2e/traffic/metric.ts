import { proxies } from "../../../hack/demonstration/proxies.ts";
import { ns } from "./scene.ts";

/** A number that the sidecar of the first pod with this name's beginning counts, summed over what the labels leave open. */
export async function metric(
  pod: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const proxy = (await proxies(ns)).find((each) => each.pod.startsWith(pod));
  const response = await fetch(`http://${proxy?.address}:15020/stats/prometheus`);
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return (await response.text())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((each) => line.includes(each)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
