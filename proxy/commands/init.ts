/**
 * `weft-proxy init RULESET`: the init step of a native sidecar. Applies the redirection, gives up its capabilities for good,
 * says so, and stays idle until it is told to stop.
 *
 * It stays because the kubelet learns that an init container has *ended* only at its next sweep, up to a second later,
 * but that one has *started* at once (docs/adr/0004): a pod is ready that much sooner.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { rmSync, writeFileSync } from "node:fs";

/** _LINUX_CAPABILITY_VERSION_3 of linux/capability.h: two words for each of effective, permitted and inheritable. */
const CAPABILITY_VERSION = 0x20080522;

/** Applies `ruleset` with nft and goes on as `hold`; resolves with 1 when nft refused it. */
export function init(ruleset: string, mark: string | undefined): number {
  if (mark !== undefined) rmSync(mark, { force: true });
  const nft = Bun.spawnSync(["/usr/sbin/nft", ruleset], { stdout: "inherit", stderr: "inherit" });
  if (!nft.success) {
    process.stderr.write(
      `weft-proxy init: nft exited with ${nft.exitCode} and said why above; next: see the pod's traffic annotations\n`,
    );
    return 1;
  }
  becomeUnprivileged(
    process.execPath,
    ["weft-proxy", "hold"],
    mark === undefined ? [] : [`WEFT_REDIRECTION_MARK=${mark}`],
  );
}

/** Says that the redirection stands, and waits for SIGTERM. */
export async function hold(mark: string | undefined): Promise<number> {
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

/**
 * Empties this thread's capabilities and replaces the process by `file`. The new image starts without any: the container's
 * `allowPrivilegeEscalation: false` sets no_new_privs, under which execve(2) gives even root no more than the caller had,
 * and every other thread ends with the old image.
 */
function becomeUnprivileged(file: string, argv: readonly string[], environment: readonly string[]): never {
  const libc = dlopen("libc.so.6", {
    capset: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    execve: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  });
  const header = new Uint32Array([CAPABILITY_VERSION, 0]);
  const none = new Uint32Array(6);
  if (libc.symbols.capset(ptr(header), ptr(none)) !== 0)
    throw new Error("init: capset(2) refused to drop capabilities");
  const strings = [file, ...argv, ...environment].map((text) => Buffer.from(`${text}\0`));
  const pointers = (from: number, count: number) =>
    BigUint64Array.from([...strings.slice(from, from + count).map((text) => BigInt(ptr(text))), 0n]);
  const args = pointers(1, argv.length);
  const env = pointers(1 + argv.length, environment.length);
  libc.symbols.execve(ptr(strings[0] ?? Buffer.from("\0")), ptr(args), ptr(env));
  throw new Error(`init: execve(2) of ${file} failed`);
}
