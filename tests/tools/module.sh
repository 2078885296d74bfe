# Part of build.sh: the module for Envoy, and what the tests ask about signatures inside Envoy.
# shellcheck shell=bash

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
