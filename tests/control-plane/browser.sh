#!/usr/bin/env bash
# Sees to it that a browser is here and the program that drives it, Chromium and chromedriver: where it may, it installs Debian's.
# Prints their paths, a line each.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
if [ ${#missing[@]} -gt 0 ]; then
  words="the tests of the console's pages need these packages, under their names in Debian: ${missing[*]}"
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$words; install them, and run the tests again" >&2
    exit 1
  fi
  # Tests that begin at the same time wait for one of them to install.
  exec 9>/tmp/flashjob-browser.lock
  flock 9
  log=/tmp/flashjob-browser.log
  if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    echo "installing ${missing[*]}" >&2
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
      tail -n 5 "$log" >&2
      echo "$words; they could not be installed" >&2
      exit 1
    fi
  fi
fi
command -v chromium
command -v chromedriver
