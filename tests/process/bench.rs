//! The measurement of cold starts: the parts of it that run without functions.

use std::path::Path;
use std::process::{Command, Output};

use crate::tools::have;

/// Runs Python in the folder of the measurement.
fn python(arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench");
    Command::new("python3").arg("-B").args(arguments).env("COLUMNS", "200").current_dir(folder).output().unwrap()
}

/// A function that goes without a word, as a killed one does: its connection is reset.
const KILLED: &str = "
import socket, struct, time, cold_start
runtime = cold_start.Runtime()
host, port = runtime.address.split(':')
for request in [b'', b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n']:
    function = socket.create_connection((host, int(port)))
    function.sendall(request)
    time.sleep(0.2)
    function.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    function.close()
runtime.events.put({})
time.sleep(0.5)
runtime.close()
print('closed')
";

#[test]
fn a_killed_function_leaves_no_traceback() {
    if !have("python3") {
        return;
    }
    let output = python(&["-c", KILLED]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "closed\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_defaults_are_told() {
    if !have("python3") {
        return;
    }
    let help = String::from_utf8(python(&["cold_start.py", "--help"]).stdout).unwrap();
    for default in ["(default: target/sam)", "(default: 15)", "(default: 50)"] {
        assert!(help.contains(default), "{help}");
    }
}
