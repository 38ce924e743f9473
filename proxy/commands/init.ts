/**
 * `weft-proxy init RULESET`: the init step of a native sidecar. Applies the redirection, gives up root for good, says so,
 * and stays idle until it is told to stop.
 *
 * It stays because the kubelet learns that an init container has *ended* only at its next sweep, up to a second later,
 * but that one has *started* at once (docs/adr/0004): a pod is ready that much sooner. Nothing privileged stays: the
 * process is uid 1337 without capabilities, and `allowPrivilegeEscalation: false` keeps it so.
 */
import { dlopen, FFIType } from "bun:ffi";
import { rmSync, writeFileSync } from "node:fs";

const PROXY_ID = 1337;

/** Applies `ruleset` with nft and waits for SIGTERM; resolves with 1 when nft refused it. */
export async function init(ruleset: string, mark: string | undefined): Promise<number> {
  if (mark !== undefined) rmSync(mark, { force: true });
  const nft = Bun.spawnSync(["/usr/sbin/nft", ruleset], { stdout: "inherit", stderr: "inherit" });
  if (!nft.success) {
    process.stderr.write(
      `weft-proxy init: nft exited with ${nft.exitCode} and said why above; next: see the pod's traffic annotations\n`,
    );
    return 1;
  }
  giveUpRoot();
  if (mark !== undefined) writeFileSync(mark, "");
  await new Promise<void>((stop) => {
    const alive = setInterval(() => undefined, 1 << 30);
    process.once("SIGTERM", () => {
      clearInterval(alive);
      stop();
    });
  });
  return 0;
}

/** Leaving uid 0 clears the permitted and effective capabilities of every thread (capabilities(7)); glibc tells them all. */
function giveUpRoot(): void {
  const libc = dlopen("libc.so.6", {
    setresgid: { args: [FFIType.u32, FFIType.u32, FFIType.u32], returns: FFIType.i32 },
    setresuid: { args: [FFIType.u32, FFIType.u32, FFIType.u32], returns: FFIType.i32 },
  });
  const failed =
    libc.symbols.setresgid(PROXY_ID, PROXY_ID, PROXY_ID) !== 0 ||
    libc.symbols.setresuid(PROXY_ID, PROXY_ID, PROXY_ID) !== 0;
  libc.close();
  if (failed) throw new Error("init: could not become uid 1337; expected to run as root, which may always");
}
