#!/bin/bash
# Installs the Debian packages that Tokengate is built, tried and tested with. Installs only what is missing; needs root
# only then. Usage: tools/packages.sh [SET…] with the sets build, daemon, nginx, apache, test (all of them by default) and bench.
set -euo pipefail

packages_of() {
  case "$1" in
    build)
      echo ca-certificates cmake g++ libcli11-dev libfmt-dev liblmdb-dev libpugixml-dev libssl-dev ninja-build \
        nlohmann-json3-dev perl pkg-config curl
      ;;
    daemon)
      echo libmicrohttpd-dev libpugixml-dev nodejs
      # Some packages of nodejs bring npm along, and do not go with Debian's.
      command -v npm >/dev/null || echo npm
      ;;
    nginx) echo nginx nginx-dev ;;
    apache) echo apache2 apache2-dev ;;
    # What the benchmark compares with; only its own command asks for it.
    bench) echo apache2-utils libbenchmark-dev libnginx-mod-http-lua openssl procps util-linux valgrind ;;
    test)
      echo check chromium clang clang-format clang-tidy fail2ban faketime fonts-dejavu-core \
        libapache2-mod-evasive libbenchmark-dev libnss-wrapper openssl procps shellcheck strace tzdata util-linux
      ;;
    *)
      echo "packages.sh: no set of packages \"$1\": choose among build, daemon, nginx, apache, bench, test" >&2
      return 2
      ;;
  esac
}

[[ $# -gt 0 ]] || set -- build daemon nginx apache test

missing=()
for set_name in "$@"; do
  names=$(packages_of "$set_name")
  for name in $names; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$name")
  done
done

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "All packages are installed."
  exit 0
fi
if [[ $(id -u) -ne 0 ]]; then
  echo "These packages are missing; install them as root, then run this again:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi

# The servers are wanted as programs, not as services on port 80: keep their packages from starting them.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "packages.sh: the packages could not be installed; what apt said stands above" >&2
  rm -f "$log"
  exit 1
fi
rm -f "$log"
echo "Done."
