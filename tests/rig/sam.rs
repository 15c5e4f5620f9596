//! SAM's tools and the like, installed once from their lock files into the target folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::tools::have;

/// The folder of the AWS tools, whichever package the tests are built in.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/aws")
}

/// The programs of the lock file `requirements-NAME.txt`; `None` where Python is missing.
pub fn installed(name: &str) -> Option<PathBuf> {
    static INSTALLED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if !have("python3") {
        return None;
    }
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools").join(name);
    // Held meanwhile, so that no test runs what another is installing.
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !installed.contains(name) {
        run(Command::new(folder().join("install")).arg(name).arg(&tools));
        installed.insert(name.to_owned());
    }
    Some(tools.join("bin"))
}

/// One of SAM's tools; `None` where Python is missing.
pub fn tool(name: &str) -> Option<PathBuf> {
    Some(installed("sam")?.join(name))
}

/// The expanded template with these parameters; the others have their defaults.
pub fn expand(parameters: &[&str]) -> Option<Value> {
    let mut command = Command::new(tool("python")?);
    command.arg(folder().join("expand.py")).arg("--as-deployed").args(parameters);
    Some(serde_json::from_str(&run(&mut command)).unwrap())
}

/// The output of a command that must succeed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
