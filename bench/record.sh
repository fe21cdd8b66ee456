#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs all benchmarks and puts their table, the machine and the date into docs/performance.md. Run it on a quiet machine.
# usage: bench/record.sh [ARGUMENTS OF mproc_bench]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=docs/performance.md
table=$(mktemp)
trap 'rm -f "$table"' EXIT

# field NAME: of lscpu.
field() { LC_ALL=C lscpu | sed -n "s/^$1: *//p" | head -n 1; }

{
    printf '%s processors (%s, family %s, model %s; %s), %s of memory, Linux %s, %s, gcc %s, %s.\n\n' \
        "$(nproc)" "$(field 'Model name')" "$(field 'CPU family')" "$(field 'Model')" \
        "$(field 'Hypervisor vendor' | sed 's/$/ guest/' | grep . || echo 'no hypervisor')" \
        "$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r | cut -d- -f1)" \
        "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(gcc -dumpfullversion)" "$(date -u +%Y-%m-%d)"
    echo '```'
    ./dev bench "$@"
    echo '```'
} >"$table"

awk -v table="$table" '
    /^<!-- end of table -->/ { skip = 0 }
    !skip { print }
    /^<!-- table/ { skip = 1; print ""; while ((getline line < table) > 0) print line; print "" }
' "$page" >"$page.new"
mv "$page.new" "$page"
