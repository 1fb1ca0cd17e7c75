#!/bin/sh
# The browser tests want Chromium and a Chinese font; fetched where we may and they are missing.
set -eu
command -v chromium >/dev/null 2>&1 && fc-list :lang=zh 2>/dev/null | grep -q . && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium fonts-noto-cjk fontconfig >/dev/null
else
    echo "no chromium or no Chinese font: the browser tests will be skipped" >&2
fi
