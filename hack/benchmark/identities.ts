/** Certificates of the client's and the server's workload, from control's own authority, as files in every peer's form. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestAuthority } from "../../test/support/workload-identity.ts";

export interface IdentityFiles {
  readonly id: string;
  readonly certificate: string;
  readonly key: string;
  readonly trust: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly both: string;
}

export interface Identities {
  readonly client: IdentityFiles;
  readonly server: IdentityFiles;
}

export async function makeIdentities(folder: string): Promise<Identities> {
  const authority = await TestAuthority.create("Benchmark Root");
  const make = async (account: string): Promise<IdentityFiles> => {
    const { certificate, key, trust, id } = await authority.issue(account);
    const file = (name: string, text: string) => {
      const path = join(folder, `${account}-${name}.pem`);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    return {
      id,
      certificate: file("certificate", certificate),
      key: file("key", key),
      trust: file("trust", trust),
      both: file("both", `${certificate}\n${key}`),
    };
  };
  return { client: await make("client"), server: await make("web") };
}
