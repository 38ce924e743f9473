import { describe, expect, it } from "vitest";
import { type Command, parseCommand, UsageError } from "./arguments.ts";

const id = "0123456789abcdef".repeat(4);
const component = { name: "component", component: "kube-apiserver", node: 1, signal: "SIGTERM" } as const;

describe("the command line of hack/cluster", () => {
  const accepted: readonly [string, Command][] = [
    ["up", { name: "up", nodes: 1 }],
    ["up --nodes 2", { name: "up", nodes: 2 }],
    ["up --nodes=3", { name: "up", nodes: 3 }],
    ["down", { name: "down" }],
    ["kubeconfig", { name: "kubeconfig" }],
    ["build", { name: "build" }],
    ["status", { name: "status", json: false }],
    ["status -o json", { name: "status", json: true }],
    ["load a.tar b.tar", { name: "load", archives: ["a.tar", "b.tar"] }],
    ["component stop kube-apiserver", { ...component, action: "stop" }],
    ["component stop kube-apiserver --signal KILL", { ...component, action: "stop", signal: "SIGKILL" }],
    ["component stop kube-apiserver --signal SIGKILL", { ...component, action: "stop", signal: "SIGKILL" }],
    ["component start kubelet --node 2", { ...component, action: "start", component: "kubelet", node: 2 }],
    ["node stop 2", { name: "node-stop", node: 2 }],
    ["node start 2", { name: "node-start", node: 2 }],
    [
      "node exec 1 -- nft list ruleset -a",
      { name: "node-exec", node: 1, command: ["nft", "list", "ruleset", "-a"] },
    ],
    [`node kill-container ${id}`, { name: "kill-container", id }],
    [`node memory containerd://${id} -o json`, { name: "memory", id, json: true }],
    ["--help", { name: "help" }],
    ["up -h", { name: "help" }],
  ];
  it.each(accepted)("understands %s", (line, command) => {
    expect(parseCommand(line.split(" "))).toEqual({ command, provider: { kind: "hermetic" } });
  });

  const refused: readonly [string, string][] = [
    ["", 'found the command ""; expected one of up, down'],
    ["upp", 'found the command "upp"; expected one of up, down'],
    ["up 2", 'up: found "2"; expected nothing more'],
    ["up --nodes 0", '--nodes: found "0"; expected a whole number from 1 to 50'],
    ["up --nodes 1.5", '--nodes: found "1.5"; expected a whole number from 1 to 50'],
    ["up --nodes 51", '--nodes: found "51"; expected a whole number from 1 to 50'],
    ["up --node", "--node"],
    ["status -o yaml", '-o: found "yaml"; expected json'],
    ["load", "load: found no file; expected the path of a docker-archive"],
    ["component restart etcd", 'component: found "restart"; expected stop or start'],
    ["component stop apiserver", 'component stop: found "apiserver"; expected one of etcd, kube-apiserver'],
    ["component stop etcd --signal HUP", '--signal: found "HUP"; expected TERM or KILL'],
    ["node stop", 'node: found "stop"; expected "stop N"'],
    ["node exec 1", "node exec: found no command after --; expected one"],
    ["node memory ../../etc", 'container id: found "../../etc"; expected 64 hexadecimal digits'],
    ["up --k3s --kubeconfig a", "found --k3s and --kubeconfig; expected at most one of them"],
  ];
  it.each(refused)('refuses "%s" with what it found and what it expected', (line, message) => {
    expect(() => parseCommand(line.split(" "))).toThrow(UsageError);
    expect(() => parseCommand(line.split(" "))).toThrow(message);
  });

  it("takes the cluster that a flag names, before the environment's", () => {
    const env = { WEFT_CLUSTER_KUBECONFIG: "/home/a/.kube/config" };
    expect(parseCommand(["up"], env).provider).toEqual({ kind: "named", kubeconfig: "/home/a/.kube/config" });
    expect(parseCommand(["up", "--kubeconfig", "b"], env).provider).toEqual({
      kind: "named",
      kubeconfig: "b",
    });
    expect(parseCommand(["up", "--k3s"], env).provider).toEqual({ kind: "k3s" });
  });
});
