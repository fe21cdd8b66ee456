#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the benchmarks compare with: Debian packages, and one pinned module of node. A peer that cannot be installed
# is named here and is "missing" in the table; it never stops the benchmark.
# usage: install_peers.sh FOLDER   (the folder that gets node_modules: build/bench/bench/peers)
set -u
folder=$1
workerpool=10.0.3

missing=
for package in python3 python3-joblib parallel libuv1-dev libapr1-dev; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

run_as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if [ -n "$missing" ]; then
    echo "installing$missing" >&2
    run_as_root apt-get update -qq
    for package in $missing; do
        run_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
            echo "$package could not be installed: its figures will be missing" >&2
    done
fi

if [ ! -d "$folder/node_modules/workerpool" ] && command -v npm >/dev/null; then
    echo "installing node's workerpool $workerpool below $folder" >&2
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "workerpool@$workerpool" >/dev/null ||
        echo "workerpool could not be installed: its figures will be missing" >&2
fi
exit 0
