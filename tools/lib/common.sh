# SPDX-License-Identifier: Apache-2.0
# What the commands of ./dev share: installing packages, building a preset, running its tests, counting. Sourced, not run.
# A failed suite or check is counted and the command goes on; finish() says the total and gives the exit status.

jobs=$(nproc)
mkdir -p build

# Says what begins, and how many seconds this command has run.
step() { printf '== %s (after %d s)\n' "$*" "$SECONDS"; }

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs the packages that are missing; instant when none is.
install_packages() {
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    if ((${#missing[@]} == 0)); then return; fi
    step "installing ${missing[*]}"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}")
    as_root "${install[@]}" >build/apt.log 2>&1 && return
    as_root apt-get update -qq >>build/apt.log 2>&1 || true
    as_root "${install[@]}" >>build/apt.log 2>&1 || {
        cat build/apt.log >&2
        return 1
    }
}

# Runs a command with its output in a file, shown only when it fails.
quiet() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 200 "$log"
        return 1
    }
}

# Configures and builds one preset; the compiler's messages are shown when it fails.
build() {
    local preset=$1
    step "$preset: building"
    mkdir -p "build/$preset"
    quiet "build/$preset/configure.log" cmake --preset "$preset" || return 1
    quiet "build/$preset/build.log" cmake --build --preset "$preset" || return 1
}

count() { echo "$1 $2 $3 ${4:-0}" >>"$totals"; }

# The value of an attribute of ctest's report.
number() { grep -om1 "$1=\"[0-9]*\"" "$2" | tr -dc 0-9; }

# Counts one suite from the report that ctest wrote. A ctest that failed without a failed test still counts as a failure.
count_report() {
    local report=$1 status=$2 total failed skipped
    total=$(number tests "$report")
    failed=$(number failures "$report")
    skipped=$(number skipped "$report")
    count $((total - failed - skipped)) "$failed" "$skipped"
    if ((status != 0 && failed == 0)); then count 0 1 0; fi
}

# Runs the tests of a preset that was built.
run_suite() {
    local preset=$1 status=0
    local report=$PWD/build/$preset/junit.xml
    rm -f "$report"
    step "$preset: testing"
    ctest --preset "$preset" -j "$jobs" --output-junit "$report" || status=$?
    if [[ -f $report ]]; then count_report "$report" "$status"; else count 0 1 0; fi
    return 0
}

suite() {
    if build "$1"; then run_suite "$1"; else count 0 1 0; fi
}

# wine 8 itself fails now and then when processes come and go at once (CreateProcess with an internal error, a server that does not
# answer): if no more than $again_most tests failed they are run once more, alone. The sum at the end says how many needed that,
# and what fails again counts as failed.
again_most=5
run_suite_under_wine() {
    local preset=$1 status=0 again=0 first second passed failed skipped
    first=$PWD/build/$preset/junit.xml
    second=$PWD/build/$preset/junit-again.xml
    rm -f "$first" "$second"
    step "$preset: testing"
    tools/wine-env ctest --preset "$preset" -j "$jobs" --output-junit "$first" || status=$?
    if [[ ! -f $first ]]; then
        count 0 1 0
        return
    fi
    failed=$(number failures "$first")
    if ((status == 0 || failed == 0 || failed > again_most)); then
        count_report "$first" "$status"
        return
    fi
    step "$preset: $failed failed, once more and alone"
    tools/wine-env ctest --preset "$preset" -j 1 --rerun-failed --output-junit "$second" || again=$?
    skipped=$(number skipped "$first")
    passed=$(($(number tests "$first") - failed - skipped))
    count "$passed" 0 "$skipped" "$failed"
    if [[ -f $second ]]; then count_report "$second" "$again"; else count 0 1 0; fi
}

suite_under_wine() {
    step "$1: dependencies"
    if tools/build-deps windows && build "$1"; then run_suite_under_wine "$1"; else count 0 1 0; fi
}

# Runs one check that passes or fails as a whole.
check() {
    local name=$1
    shift
    step "$name"
    if "$@"; then
        echo "$name: passed"
        count 1 0 0
    else
        echo "$name: FAILED"
        count 0 1 0
    fi
}

# Prints the sum of all that was counted; fails when anything did.
print_totals() {
    awk '{ p += $1; f += $2; s += $3; a += $4 }
        END {
            if (a > 0) printf "under wine %d failed at first and ran again\n", a
            printf "%d passed, %d failed, %d skipped\n", p, f, s
            exit f > 0
        }' "$totals"
}

finish() {
    local status=0
    print_totals || status=1
    if [[ -z ${MPROC_TOTALS:-} ]]; then rm -f "$totals"; fi
    return "$status"
}
