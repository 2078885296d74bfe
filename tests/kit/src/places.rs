//! Where things are on disk: the build folder, the module, Envoy, a scratch folder for each run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, fs, process};

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// The build folder in which this program was built.
pub fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged.map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// An empty folder of this run's own, below the build folder.
pub fn scratch(name: &str) -> Result<PathBuf, String> {
    let folder = target().join("tmp").join(format!("{name}-{}", process::id()));
    let fresh = || {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)
    };
    fresh().map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// The Envoy to test with: `SCOPEGATE_ENVOY`, or the one that `build.sh` installed.
pub fn envoy() -> Result<PathBuf, String> {
    find("SCOPEGATE_ENVOY", &target().join("tools/envoy"), "no Envoy", "./build.sh envoy")
}

/// The version of [`envoy`], its first two numbers; `None` where it does not tell.
pub fn envoy_version() -> Option<(u32, u32)> {
    static VERSION: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let told = Command::new(envoy().ok()?).arg("--version").output().ok()?;
        // PROGRAM  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL
        let told = String::from_utf8(told.stdout).ok()?;
        let mut numbers = told.split_once("version: ")?.1.split('/').nth(1)?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

/// The native tool: `SCOPEGATE_TOOL`, or the one that `build.sh` left.
pub fn tool() -> Result<PathBuf, String> {
    find("SCOPEGATE_TOOL", &target().join("scopegate"), "the scopegate tool is not built", "./build.sh")
}

/// Where `build.sh` installed the modules of Node that the programs in `tests/providers/NAME` need.
pub fn node_modules(name: &str) -> Result<PathBuf, String> {
    let place = target().join("tools").join(name);
    let installed = place.join("installed.json");
    if installed.is_file() {
        Ok(place)
    } else {
        Err(format!(
            "{name} is not installed: {} is not there; run ./build.sh providers",
            installed.display()
        ))
    }
}

/// The module under test: `SCOPEGATE_WASM`, or the one that `build.sh` left; never one older than the sources.
pub fn module() -> Result<PathBuf, String> {
    let module =
        find("SCOPEGATE_WASM", &target().join("scopegate.wasm"), "the module is not built", "./build.sh")?;
    if env::var_os("SCOPEGATE_WASM").is_some() { Ok(module) } else { not_outdated(module, "./build.sh") }
}

/// The module of `tests/probe`: `SCOPEGATE_PROBE`, or the one that `build.sh` left; never one older than the sources.
pub fn probe() -> Result<PathBuf, String> {
    let usual = target().join("probe/wasm32-wasip1/release/probe.wasm");
    let remedy = "./build.sh probe";
    not_outdated(find("SCOPEGATE_PROBE", &usual, "the probe is not built", remedy)?, remedy)
}

fn not_outdated(module: PathBuf, remedy: &str) -> Result<PathBuf, String> {
    let built = modified(&module);
    match newest(&root().join("src")) {
        Some((source, changed)) if Some(changed) > built => {
            Err(format!("{} is older than {}: run {remedy} first", module.display(), source.display()))
        }
        _ => Ok(module),
    }
}

fn find(variable: &str, usual: &Path, problem: &str, remedy: &str) -> Result<PathBuf, String> {
    let place = env::var_os(variable).map_or_else(|| usual.to_path_buf(), PathBuf::from);
    if place.is_file() {
        return Ok(place);
    }
    Err(format!("{problem}: {} is not there; run {remedy}, or set {variable}", place.display()))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|data| data.modified()).ok()
}

fn newest(folder: &Path) -> Option<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let dated = entries.filter_map(|path| {
        if path.is_dir() { newest(&path) } else { modified(&path).map(|time| (path, time)) }
    });
    dated.max_by_key(|(_, time)| *time)
}
