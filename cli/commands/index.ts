import type { Command } from "../command.ts";
import { completionFor } from "./completion.ts";
import { install } from "./install.ts";
import { uninstall } from "./uninstall.ts";
import { validate } from "./validate.ts";
import { version } from "./version.ts";

const working: readonly Command[] = [install, uninstall, validate, version];

/** In the order in which the help lists them. */
export const commands: readonly Command[] = [...working, completionFor(working)];
