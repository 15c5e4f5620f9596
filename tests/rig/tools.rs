//! Stand-ins for a person's own tools (an authenticator app, a QR reader), and the skipping of tests without them.

use std::io::Write;
use std::process::{Command, Stdio};

use data_encoding::BASE32_NOPAD;
use totp_rs::{Algorithm, Builder};

/// The code of an app with this Base32 secret at a time in Unix seconds.
pub fn totp(secret: &str, at: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_secret(secret).build_noncompliant();
    totp.generate(u64::try_from(at).unwrap()).to_string()
}

/// Whether a program is installed. If not, the caller's test is reported as skipped; in CI it fails.
pub fn have(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Reports a skipped test with the reason, past the capture of its output. In CI it fails instead.
pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("CI").is_none(), "{test} would be skipped: {why}");
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test}: {why}");
}
