/** `weft-proxy completion SHELL`: a script that completes commands, options and folders. */
import { UsageError } from "./options.ts";

const FIRST = "wait init completion --config --concurrency --version --help";

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion of weft-proxy; load with: source <(weft-proxy completion bash)
_weft_proxy() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    --config) COMPREPLY=($(compgen -d -- "$word")); return ;;
    init) COMPREPLY=($(compgen -f -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")); return ;;
    --concurrency|--port|--timeout) return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${FIRST}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
    --config|--concurrency) COMPREPLY=($(compgen -W "--config --concurrency --help" -- "$word")) ;;
    wait) COMPREPLY=($(compgen -W "--port --timeout --help" -- "$word")) ;;
  esac
}
complete -F _weft_proxy weft-proxy
`,
  zsh: `#compdef weft-proxy
# zsh completion of weft-proxy; load with: source <(weft-proxy completion zsh)
_weft_proxy() {
  case "$words[2]" in
    wait) _arguments '--port[of the proxy]:port:' '--timeout[how long to wait]:seconds:' ;;
    init) _files ;;
    completion) compadd bash zsh fish ;;
    --config|--concurrency) _arguments '--config[run alone]:folder:_files -/' '--concurrency[processes]:number:' ;;
    *) compadd -- ${FIRST} ;;
  esac
}
compdef _weft_proxy weft-proxy
`,
  fish: `# fish completion of weft-proxy; load with: weft-proxy completion fish | source
complete -c weft-proxy -f
complete -c weft-proxy -n __fish_use_subcommand -a 'wait init completion'
complete -c weft-proxy -n __fish_use_subcommand -l version -d 'print the version'
complete -c weft-proxy -l help -d 'print the help'
complete -c weft-proxy -n 'not __fish_seen_subcommand_from wait init completion' -l config -x -a '(__fish_complete_directories)' -d 'run alone, from a folder'
complete -c weft-proxy -n 'not __fish_seen_subcommand_from wait init completion' -l concurrency -x -d 'how many processes'
complete -c weft-proxy -n '__fish_seen_subcommand_from wait' -l port -x -d 'of the proxy'
complete -c weft-proxy -n '__fish_seen_subcommand_from wait' -l timeout -x -d 'how many seconds to wait'
complete -c weft-proxy -n '__fish_seen_subcommand_from init' -F
complete -c weft-proxy -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
`,
};

/** The script. Throws UsageError for a shell that has none. */
export function completion(shell: string | undefined): string {
  const script = shell === undefined ? undefined : SCRIPTS[shell];
  if (script !== undefined) return script;
  throw new UsageError(
    `completion: expected ${Object.keys(SCRIPTS).join(", ")}, found ${shell === undefined ? "nothing" : JSON.stringify(shell)}`,
  );
}
