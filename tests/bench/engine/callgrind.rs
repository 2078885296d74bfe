//! Runs a case below callgrind and reads its count.

use std::env;
use std::path::Path;
use std::process::Command;

use kit::wire::text;

/// How many instructions the measured part of `case` takes.
pub(crate) fn count(case: &str, material: &Path) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured_part*"])
        .arg(program)
        .args(["--case", case])
        .arg(material)
        .output()
        .map_err(|error| format!("valgrind: {error}; Debian: apt-get install valgrind"))?;
    let said = text(&output.stderr);
    if !output.status.success() {
        return Err(format!("{case}: {}\n{said}", output.status));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok()).filter(|count| *count > 0);
    count.ok_or_else(|| format!("{case}: callgrind counted nothing:\n{said}"))
}
