# Sourced by every script in hack/: the toolchain, the packages of the system, and progress that tells the time.
# shellcheck shell=bash
set -euo pipefail

WEFT_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export WEFT_ROOT
export WEFT_CACHE="${WEFT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weft}"
mkdir -p "$WEFT_CACHE"
cd "$WEFT_ROOT"
WEFT_STARTED="${WEFT_STARTED:-$(date +%s)}"
export WEFT_STARTED

# step MESSAGE: what is being done now, with the time since the script began. Goes to stderr: stdout is for results.
step() {
  local elapsed=$(($(date +%s) - WEFT_STARTED))
  if [ -t 2 ]; then
    printf '\033[2m[%2d:%02d]\033[0m %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*" >&2
  else
    printf '[%2d:%02d] %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*" >&2
  fi
}

# fail MESSAGE…: says each line and ends the script.
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# ensure_node: Node 24, Bun and the libraries, as the lockfile names them. Runs npm only when something changed.
ensure_node() {
  command -v npm >/dev/null || fail "npm: not found; expected Node 20 or later with npm" "next: install Node from https://nodejs.org, then run this again"
  # One at a time: npm empties node_modules before it fills it again.
  exec 9>"$WEFT_CACHE/npm.lock"
  flock 9
  if ! node hack/lib/installed.mjs; then
    step "installing the toolchain from npm (Node 24, Bun, TypeScript)"
    npm ci --no-audit --no-fund --loglevel=error >&2
  fi
  PATH="$WEFT_ROOT/node_modules/.bin:$PATH"
  # npm may be told not to run install scripts: then Bun's executable is still in the platform's own package.
  if ! bun --version >/dev/null 2>&1; then
    (cd node_modules/bun && node install.js) >&2
  fi
  exec 9>&-
  export PATH
}

# ensure_packages NAME…: Debian packages, installed when this is Debian and we are root; elsewhere says what is missing.
ensure_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    step "installing ${missing[*]} from Debian"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$WEFT_CACHE/apt.log" 2>&1 ||
      fail "apt-get install ${missing[*]}: failed" "$(tail -n 5 "$WEFT_CACHE/apt.log")" "next: see $WEFT_CACHE/apt.log"
  else
    fail "missing: ${missing[*]} (names of Debian's packages)" \
      "found: $([ "$(id -u)" = 0 ] && echo 'a system without apt-get' || echo 'not root')" \
      "next: install them with your system's package manager, or run this as root on Debian"
  fi
}
