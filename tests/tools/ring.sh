# Part of build.sh: the quick ring of tests, two things at a time, and the slow one, part by part.
# shellcheck shell=bash

ring=$target/ring

# Says how long what came since the last call took.
phase_began=0
phase_ended() { # NAME
    say "$1 took $((SECONDS - phase_began)) s"
    phase_began=$SECONDS
}

# Runs a function beside whatever else runs, with this niceness, and keeps what it says; one line tells how it ended.
beside() { # NAME NICENESS FUNCTION
    local began=$SECONDS status=0
    # Not in a condition, or bash would go on after a command that fails.
    (
        renice -n "$2" "$BASHPID" >/dev/null
        "$3"
    ) >"$ring/$1.log" 2>&1 &
    wait $! || status=$?
    say "beside: $1 took $((SECONDS - began)) s$([ "$status" = 0 ] || echo ' AND FAILED')"
    return "$status"
}

# Cargo itself tells which crates of the lock file were taken back, when it packs one. tests/supply.rs has the rest.
crates_taken_back() {
    local log=$target/package.log
    if ! cargo package --no-verify --allow-dirty --target-dir "$target" >"$log" 2>&1; then
        say "which crates were taken back is not known: $(grep -m1 '^error' "$log")"
        return
    fi
    if grep 'is yanked' "$log"; then
        fail 'Cargo.lock has crates that their authors have taken back' 'cargo update -p each of them'
    fi
}

build_what_is_loaded() {
    build_module
    build_probe
}

# What computes. The vectors are thousands of signatures, and run with the profile of the benchmark.
compute() {
    local status=0
    if has valgrind; then bench_engine || status=1; fi
    cargo test --profile measure --test vectors --target-dir "$target" 2>&1 | tee "$ring/vectors.log" || status=1
    if has c++; then fuzz_walk || status=1; fi
    return "$status"
}

# How many tests of a log passed, failed and were left out.
tally() { # LOG
    awk '
        /^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1); if ($i ~ /^ignored/) ignored += $(i-1) } }
        END { printf "%d %d %d\n", passed, failed, ignored }
    ' "$1"
}

# What did not run, each with its reason: of the tests whose log this is, and what the ring itself left out.
tell_skipped() { # LOG
    local name
    sed -n 's/^test \(.*\) \.\.\. .*ignored\(, *\)\{0,1\}\(.*\)$/\1 \3/p' "$1" | while read -r name; do say "skipped: $name"; done
    for name in ${skipped[@]+"${skipped[@]}"}; do say "skipped: $name"; done
}

run_tests() {
    local log=$target/test.log status=0 beside_status=0 colour=never skipped=()
    phase_began=$SECONDS
    rm -rf "$ring"
    mkdir -p "$ring"
    need_envoy
    need_npm oidc-provider
    need_npm mcp
    want_glewlwyd
    find_wasm_opt >/dev/null
    phase_ended installing

    # rustc is busy with one core most of the time: the module, which is optimised as one piece, has the other.
    need_wasm_target
    beside module 0 build_what_is_loaded &
    local module=$!
    lint
    crates_taken_back
    phase_ended lint
    build_tool
    cargo test --no-run --target-dir "$target"
    wait "$module" || {
        cat "$ring/module.log"
        fail 'the module does not build' 'see above'
    }
    phase_ended building

    # The tests wait for timers most of the time: what computes has the rest, at the lowest priority.
    has c++ || skipped+=('nothing is fuzzed: libFuzzer is C++, and there is no compiler for that (Debian: apt-get install g++)')
    has valgrind || skipped+=("the engine's instructions are not counted: there is no valgrind (Debian: apt-get install valgrind)")
    beside computing 19 compute &
    local computing=$!
    say 'tests'
    [ ! -t 1 ] || colour=always
    cargo test --no-fail-fast --target-dir "$target" --color "$colour" 2>&1 | tee "$log" || status=$?
    phase_ended tests
    wait "$computing" || beside_status=$?
    phase_ended 'waiting for what computes'
    cat "$ring/computing.log"
    ! grep -q '^The baseline was taken with' "$ring/computing.log" ||
        skipped+=("the engine's instructions are not compared: see above")

    cat "$ring/vectors.log" >>"$log"
    tell_skipped "$log"
    grep -E '^test .*FAILED' "$log" || true
    [ "$beside_status" = 0 ] || say 'what computes beside the tests (instructions, vectors, fuzzing) found something: see above'
    local passed failed ignored also=''
    read -r passed failed ignored < <(tally "$log")
    [ "$status" = 0 ] || [ "$failed" != 0 ] || also=', and something did not build or run: see above'
    ignored=$((ignored + ${#skipped[@]}))
    [ "$ignored" = 0 ] || also=", $ignored skipped$also"
    echo "$passed passed, $failed failed$also"
    say "the whole ring took $SECONDS s"
    return $((status | beside_status))
}

slow_parts='reproduce fuzz readers hosts soak mutations mutants'

slow_part() { # NAME
    phase_began=$SECONDS
    case "$1" in
    reproduce) reproduce ;;
    fuzz) fuzz --seconds 60 ;;
    readers) readers ;;
    hosts) hosts ;;
    soak) soak 20 ;;
    mutations) mutations ;;
    mutants) mutants ;;
    *) fail "there is no part '$1' of the tests" "the parts are $slow_parts" ;;
    esac
    phase_ended "$1"
}

# Whoever reads the same bytes: what of it is not here is installed from Debian, or named and left out.
readers() {
    build_module
    build_tool
    need_envoy
    want_chromium
    want_upstreams
    say 'other readers'
    cargo test --test readers --target-dir "$target"
}

soak() { # SECONDS
    case "$1" in '' | *[!0-9]*) fail "'$1' is not a number of seconds" 'write ./build.sh soak 60' ;; esac
    build_module
    need_envoy
    SCOPEGATE_SOAK=$1 cargo test --test faults --target-dir "$target"
}

mutations() {
    need_wasm_target
    need_envoy
    cargo run --quiet --example mutations --target-dir "$target" -- "$@"
}

mutants() {
    need_rust
    cargo run --quiet --locked --manifest-path tests/mutants/Cargo.toml --target-dir "$target/mutants/tool" -- "$@"
}
