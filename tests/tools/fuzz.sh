# Part of build.sh: inputs that nobody wrote.
# shellcheck shell=bash

# Not for cargo-fuzz, which takes a nightly Rust: libFuzzer needs no more than coverage, and any Rust can measure that.
build_fuzz() {
    has c++ || fail 'libFuzzer is C++, and there is no compiler for that' 'Debian: apt-get install g++'
    need_rust
    say 'building the fuzz targets'
    RUSTC_WORKSPACE_WRAPPER=$root/fuzz/instrumented cargo build --package scopegate-fuzz --bins --target-dir "$target"
}

fuzz() { # [TARGET…] [--seconds NUMBER] [--save] [-OPTION OF LIBFUZZER…]
    local seconds=300 save='' names=() options=() name status=0
    while [ $# -gt 0 ]; do
        case "$1" in
        --seconds)
            seconds=${2:-}
            case "$seconds" in '' | *[!0-9]*) fail "'$seconds' is not a number of seconds" 'write ./build.sh fuzz --seconds 300' ;; esac
            shift
            ;;
        --save) save=yes ;;
        -*) options+=("$1") ;;
        *)
            [ -f "fuzz/fuzz_targets/$1.rs" ] || fail "there is no fuzz target '$1'" "the targets are $(cd fuzz/corpus && echo *)"
            names+=("$1")
            ;;
        esac
        shift
    done
    build_fuzz || return
    [ ${#names[@]} -gt 0 ] || for name in fuzz/fuzz_targets/*.rs; do names+=("$(basename "$name" .rs)"); done
    for name in "${names[@]}"; do
        fuzz_target "$name" "$target/fuzz/$name" -max_total_time="$seconds" ${options[@]+"${options[@]}"} || status=1
        [ -z "$save" ] || "$target/debug/fuzz-$name" -merge=1 -use_counters=0 "fuzz/corpus/$name" "$target/fuzz/$name/corpus" 2>&1 | tail -n 1
    done
    return "$status"
}

# Always the same walk of the same length from what is committed, so that a change fails for what it changed and a slow
# machine sees what a quick one saw. Some seconds each; `test --all` has a minute each, from another seed every time.
fuzz_walk() {
    local name runs status=0
    build_fuzz || return
    rm -rf "$target/fuzz-walk"
    for name in fuzz/fuzz_targets/*.rs; do
        name=$(basename "$name" .rs)
        case "$name" in
        gate | policy) runs=10000 ;;
        authority) runs=30000 ;;
        dpop | jws) runs=60000 ;;
        eddsa | rsa) runs=1000 ;;
        *) runs=150000 ;;
        esac
        fuzz_target "$name" "$target/fuzz-walk/$name" -seed=1 -runs="$runs" || status=1
    done
    return "$status"
}

fuzz_target() { # TARGET FOLDER [OPTION OF LIBFUZZER…]
    local name=$1 home=$2
    shift 2
    say "fuzzing $name"
    mkdir -p "$home/corpus"
    if "$target/debug/fuzz-$name" -timeout=60 -dict="fuzz/dictionaries/$name" -artifact_prefix="$home/" "$@" \
        "$home/corpus" "fuzz/corpus/$name" >"$home/log" 2>&1; then
        tail -n 1 "$home/log"
        return
    fi
    grep -A 8 -e panicked -e ERROR "$home/log" || tail -n 20 "$home/log"
    printf 'build.sh: %s\n          %s\n' "fuzzing $name found an input that breaks what is promised: $(sed -n 's/.*Test unit written to //p' "$home/log")" \
        "put it into fuzz/corpus/$name, run cargo test --test native corpus, and give the cause a test of its own" >&2
    return 1
}
