#!/usr/bin/env bash
# The one door to scopegate: builds it, shows it, tests it. `./build.sh --help` says how.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/tools
wasm_target=wasm32-wasip1
envoy_version=1.40.0
binaryen_version=132.0.0

usage() {
    cat <<'END'
usage: ./build.sh [COMMAND]

  (nothing)      build target/scopegate.wasm, the module for Envoy, and target/scopegate, the command line tool
  demo [--keep]  run a real Envoy with scopegate in front of an application and show what it does;
                 --keep leaves it running, to try by hand, until Ctrl-C;
                 --issuer oidc-provider has a real authorization server issue and revoke the tokens
  test           lint, unit tests, policy scenarios, every test on a real Envoy; beside them a walk of fuzzing and a count
                 of the engine's instructions; the time of each phase is told
  test --all     the same, and then what takes longer, part by part:
  test PART…     one or more of these parts alone:
                 reproduce  the module is built twice, in two places: the bytes are the same
                 fuzz       every fuzz target for a minute
                 readers    servers, browsers and YAML readers that read the same bytes as scopegate does
                 hosts      other versions of Envoy, and a host that has nothing of Envoy
                 soak       every fault of an issuer under load
                 mutations  the defences taken out, one after the other
                 mutants    the code changed in every place
  soak [SECONDS] every fault of an issuer under load, each for so long (60)
  fuzz [TARGET…] [--seconds NUMBER] [--save]
                 feed every target, or these, with inputs that nobody wrote, each for so long (300);
                 --save adds those that reached new code to fuzz/corpus
  lint           formatting, clippy and documentation, warnings denied
  reproduce      build the module twice, in two places: the bytes are the same
  bench [--quick] [--rounds NUMBER] [--only NAME…] [--tokens NUMBER] [--json FILE] [--svg FILE] [--goals] [--list]
                 measure on a real Envoy what scopegate costs, beside Envoy's own filters (five minutes on a quiet machine);
                 --goals ends with 2 where a goal was missed
  bench engine [--record]
                 count the instructions of the engine and compare them with tests/bench/baseline.json;
                 --record writes them there
  mutations [THREAT…]
                 take the defences out of a copy of the code, one after the other, and have the tests notice (an hour)
  mutants [ROOM…]
                 change a copy of the code in every place where that can be done without reading it, in http, policy,
                 token and gate or in these folders or files of src, and have the tests notice (an hour)
  module, tool   build only one of the two
  probe          build what the tests ask about signatures inside Envoy
  envoy          install Envoy below target/ (test and demo do so themselves)
  providers      install the real authorization servers and clients that the tests talk to

Environment: SCOPEGATE_ENVOY names an Envoy to use instead of the installed one; CARGO_TARGET_DIR is respected.
END
}

# --- telling -----------------------------------------------------------------------------------------------------

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

say() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

fail() { # PROBLEM REMEDY
    printf 'build.sh: %s\n          %s\n' "$1" "$2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

for part in install module fuzz hosts ring; do
    # shellcheck source=/dev/null
    source "tests/tools/$part.sh"
done

# --- commands ----------------------------------------------------------------------------------------------------

build_tool() { # what else to build with it
    need_rust
    say 'building the tool'
    cargo build --bin scopegate "$@" --target-dir "$target"
    cp -f "$target/debug/scopegate" "$target/scopegate.new"
    mv "$target/scopegate.new" "$target/scopegate"
}

lint() {
    need_wasm_target
    say 'formatting'
    cargo fmt --all --check
    say 'clippy'
    cargo clippy --all-targets --test readers --test vectors --target-dir "$target" -- -D warnings
    cargo clippy --lib --target "$wasm_target" --target-dir "$target" -- -D warnings
    cargo clippy --locked --manifest-path tests/probe/Cargo.toml --target "$wasm_target" --target-dir "$target" -- -D warnings
    cargo fmt --manifest-path tests/mutants/Cargo.toml --check
    cargo fmt --manifest-path tests/hosts/Cargo.toml --check
    cargo clippy --locked --manifest-path tests/mutants/Cargo.toml --target-dir "$target/mutants/tool" -- -D warnings
    say 'documentation'
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --target-dir "$target"
}

demo() {
    need_wasm_target
    # The module is linked and optimised on one core, for half of the time: the tool has the other.
    build_tool --example demo &
    local tool=$!
    build_module
    wait "$tool"
    need_envoy
    case " $* " in *' oidc-provider '*) need_npm oidc-provider ;; esac
    cargo run --quiet --example demo --target-dir "$target" -- "$@"
}

bench() {
    if [ "${1:-}" = engine ]; then
        shift
        bench_engine "$@"
        return
    fi
    has taskset || fail 'taskset is not installed, and proxy and load need a core each' 'Debian: apt-get install util-linux'
    build_module
    say 'building the filter that does nothing'
    cargo build --release --locked --manifest-path tests/bench/empty/Cargo.toml --target "$wasm_target" --target-dir "$target/empty"
    need_envoy
    say 'building the benchmark'
    cargo bench --no-run --profile measure --bench proxy --target-dir "$target"
    say 'measuring'
    cargo bench --quiet --profile measure --bench proxy --target-dir "$target" -- "$@"
}

bench_engine() {
    need_rust
    has valgrind || fail 'valgrind is not installed, and it counts the instructions' 'Debian: apt-get install valgrind'
    say 'building the benchmark'
    cargo bench --no-run --profile measure --bench engine --target-dir "$target"
    say 'counting'
    cargo bench --quiet --profile measure --bench engine --target-dir "$target" -- "$@"
}

case "${1:-}" in
'')
    build_module
    build_tool
    ;;
module) build_module ;;
tool) build_tool ;;
probe) build_probe ;;
envoy) need_envoy ;;
providers)
    need_npm oidc-provider
    need_npm mcp
    want_glewlwyd
    ;;
lint) lint ;;
fuzz)
    shift
    fuzz "$@"
    ;;
reproduce) reproduce ;;
soak) soak "${2:-60}" ;;
test)
    shift
    case "${1:-}" in
    '') run_tests ;;
    --all)
        run_tests
        for part in $slow_parts; do slow_part "$part"; done
        ;;
    *) for part in "$@"; do slow_part "$part"; done ;;
    esac
    ;;
demo)
    shift
    demo "$@"
    ;;
bench)
    shift
    bench "$@"
    ;;
mutations)
    shift
    mutations "$@"
    ;;
mutants)
    shift
    mutants "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    fail "there is no command '$1'" 'the commands are above'
    ;;
esac
