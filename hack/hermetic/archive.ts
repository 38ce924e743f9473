import { createHash } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";

/** An image of one static executable and nothing else. */
export interface StaticImage {
  readonly tag: string;
  /** Its path in the image, without a leading slash. */
  readonly name: string;
  readonly content: Buffer;
  readonly user: string;
}

/**
 * Writes a docker-archive: the layer, a configuration and `manifest.json` in a tar file (moby's image spec v1.2).
 * The two images that a node itself needs are so simple that no image builder is worth a dependency.
 */
export async function writeImage(path: string, image: StaticImage): Promise<void> {
  const layer = [
    header(image.name, image.content.length, 0o755),
    image.content,
    padding(image.content.length),
    end,
  ];
  const digest = createHash("sha256");
  for (const part of layer) digest.update(part);
  const diff = digest.digest("hex");
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Entrypoint: [`/${image.name}`], User: image.user },
      rootfs: { type: "layers", diff_ids: [`sha256:${diff}`] },
      history: [{ created_by: `/${image.name}` }],
    }),
  );
  const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
  const manifest = Buffer.from(
    JSON.stringify([{ Config: configName, RepoTags: [image.tag], Layers: [`${diff}.tar`] }]),
  );
  const layerSize = layer.reduce((sum, part) => sum + part.length, 0);
  const partial = `${path}.${process.pid}.tmp`;
  const file = await open(partial, "w");
  try {
    const parts = [
      ...[header(configName, config.length), config, padding(config.length)],
      ...[header(`${diff}.tar`, layerSize), ...layer, padding(layerSize)],
      ...[header("manifest.json", manifest.length), manifest, padding(manifest.length)],
      end,
    ];
    for (const part of parts) await file.writeFile(part);
    await file.close();
    await rename(partial, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/** {@link writeImage} with the content of a file. */
export async function writeImageOf(
  path: string,
  executable: string,
  image: Omit<StaticImage, "content">,
): Promise<void> {
  await writeImage(path, { ...image, content: await readFile(executable) });
}

const block = 512;
/** A tar file ends with two empty blocks. */
const end = Buffer.alloc(2 * block);

function padding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/** A ustar header (POSIX.1-1988) of a regular file that belongs to root; the time is 0, so that builds repeat. */
export function header(name: string, size: number, mode = 0o644): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`"${name}": a ustar name has at most 100 bytes`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  bytes.write(name, 0);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(0, 12), 136);
  bytes.write(" ".repeat(8), 148);
  bytes.write("0", 156);
  bytes.write("ustar\x0000", 257, "latin1");
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}
