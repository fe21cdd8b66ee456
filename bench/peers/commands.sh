#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pools of the shell: every task is a process of its own, the benchmark's program doing nothing.
# usage: commands.sh parallel|xargs apply|async|start2|start16. Prints a figure in the unit of the case.
set -eu
tool=$1
work=$2
if ! command -v "$tool" >/dev/null; then
    echo "missing: $tool is not installed"
    exit 0
fi

# run_tasks TASKS WORKERS: the numbers of the tasks go in, each starts one process.
run_tasks() {
    case $tool in
    parallel) seq "$1" | parallel --will-cite -j "$2" "$MPROC_BENCH_PROGRAM" --nothing ;;
    xargs) seq "$1" | xargs -P "$2" -n 1 "$MPROC_BENCH_PROGRAM" --nothing ;;
    esac
}

# median_ns ROUNDS TASKS WORKERS
median_ns() {
    rounds=$1
    for _ in $(seq "$rounds"); do
        begin=$(date +%s%N)
        run_tasks "$2" "$3" >/dev/null 2>&1
        echo $(($(date +%s%N) - begin))
    done | sort -n | sed -n "$(((rounds + 1) / 2))p"
}

case $work in
apply) median_ns 7 1 2 | awk '{ print $1 / 1e3 }' ;;
async) median_ns 1 300 2 | awk '{ print 300 / ($1 / 1e9) / 1e6 }' ;;
start2) median_ns 5 2 2 | awk '{ print $1 / 1e6 }' ;;
start16) median_ns 5 16 16 | awk '{ print $1 / 1e6 }' ;;
esac
