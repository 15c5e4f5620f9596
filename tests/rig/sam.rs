//! SAM's tools, installed once from their lock file into the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::tools::have;

/// The folder of the AWS tools, whichever package the tests are built in.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/aws")
}

/// One of the tools; `None` where Python is missing.
pub fn tool(name: &str) -> Option<PathBuf> {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    if !have("python3") {
        return None;
    }
    let installed = INSTALLED.get_or_init(|| {
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("tools/sam");
        run(Command::new(folder().join("install")).arg(&tools));
        tools
    });
    Some(installed.join("bin").join(name))
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
