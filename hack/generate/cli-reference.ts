/** The reference page of the command line, made of the help that it prints. */
import { commands } from "../../cli/commands/index.ts";
import { commandHelp, overview } from "../../cli/help.ts";
import { generatedBy } from "./yaml.ts";

/** Path to text. */
export function cliReference(): Map<string, string> {
  const block = (text: string) => `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
  const sections = commands.map((command) => `## weft ${command.name}\n\n${block(commandHelp(command))}`);
  const head = `<!-- ${generatedBy} -->\n\n# The command line\n\nFrom the sources: \`node cli/main.ts\`, with Node 24.\n\n`;
  return new Map([["docs/reference/weft.md", `${head}${block(overview(commands))}\n${sections.join("\n")}`]]);
}
