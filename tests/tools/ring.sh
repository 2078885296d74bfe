# Part of build.sh: the quick ring of tests, and the slow one, part by part.
# shellcheck shell=bash

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

# Says how long what came since the last call took.
phase_began=0
phase_ended() { # NAME
    say "$1 took $((SECONDS - phase_began)) s"
    phase_began=$SECONDS
}

# What did not run, each with its reason: of the tests whose log this is, and what run_tests itself left out.
tell_skipped() { # LOG
    local name
    sed -n 's/^test \(.*\) \.\.\. .*ignored\(, *\)\{0,1\}\(.*\)$/\1 \3/p' "$1" | while read -r name; do say "skipped: $name"; done
    for name in ${skipped[@]+"${skipped[@]}"}; do say "skipped: $name"; done
}

run_tests() {
    phase_began=$SECONDS
    lint
    crates_taken_back
    phase_ended lint
    reproduce
    build_probe
    build_tool
    phase_ended building
    need_envoy
    need_npm oidc-provider
    need_npm mcp
    want_glewlwyd
    phase_ended installing
    local log=$target/test.log status=0 fuzzed=0 counted=0 colour=never skipped=()
    if has c++; then
        fuzz_walk || fuzzed=1
    else
        skipped+=('nothing is fuzzed: libFuzzer is C++, and there is no compiler for that (Debian: apt-get install g++)')
    fi
    phase_ended fuzzing
    say 'tests'
    [ ! -t 1 ] || colour=always
    cargo test --no-fail-fast --target-dir "$target" --color "$colour" 2>&1 | tee "$log" || status=$?
    phase_ended tests
    [ "$fuzzed" = 0 ] || say 'and fuzzing found something: see above'
    if has valgrind; then
        bench_engine 2>&1 | tee "$target/engine.log" || counted=1
        ! grep -q '^The baseline was taken with' "$target/engine.log" || skipped+=("the engine's instructions are not compared: see above")
    else
        skipped+=("the engine's instructions are not counted: there is no valgrind (Debian: apt-get install valgrind)")
    fi
    phase_ended 'counting instructions'
    tell_skipped "$log"
    awk -v status="$status" -v skipped="${#skipped[@]}" '
        /^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1); if ($i ~ /^ignored/) skipped += $(i-1) } }
        END { printf "%d passed, %d failed%s%s\n", passed, failed, skipped ? ", " skipped " skipped" : "", (status != 0 && failed == 0) ? ", and something did not build or run: see above" : "" }
    ' "$log"
    return $((status | fuzzed | counted))
}

slow_parts='readers soak mutations mutants'

slow_part() { # NAME
    phase_began=$SECONDS
    case "$1" in
    readers) readers ;;
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
