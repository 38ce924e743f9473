import type { CompiledObject } from "./decode.ts";

/** A compiled object as one line of JSON that `decodeObject` reads. */
export function encodeObject({ meta, hash, generations, writtenAt, part }: CompiledObject): string {
  const { kind, namespace, name, key } = meta;
  const metadata = { namespace, name, labels: { "mesh.weft.dev/key": key } };
  const header = {
    hash,
    generations,
    ...(writtenAt === undefined ? {} : { writtenAt: new Date(writtenAt).toISOString() }),
  };
  const { kind: _, ...content } = part;
  const status =
    part.kind === "index"
      ? `{${inner(header)},"index":{"namespace":${JSON.stringify(part.index.namespace)},"services":${part.index.services.toString()}}}`
      : JSON.stringify(
          part.kind === "workload" ? { ...part.workload, ...header } : { ...header, ...content },
        );
  return `{${inner({ kind, metadata })},"status":${status}}`;
}

function inner(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}
