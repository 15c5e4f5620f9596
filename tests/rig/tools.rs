//! What stands in for a person's own tools: an authenticator app, a QR reader; and what to do where one is missing.

use std::io::Write;
use std::process::{Command, Stdio};

use data_encoding::BASE32_NOPAD;
use totp_rs::{Algorithm, Builder};

/// The code that an app with this Base32 secret shows at a time.
pub fn totp(secret: &str, at: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_secret(secret).build_noncompliant();
    totp.generate(u64::try_from(at).unwrap()).to_string()
}

/// Whether a program is there. Where it isn't, the caller's test is skipped, aloud; in CI that is a failure.
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

/// Says that a test is skipped and why, past the capture of the test's output; in CI nothing is skipped.
pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("CI").is_none(), "{test} would be skipped: {why}");
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test}: {why}");
}
