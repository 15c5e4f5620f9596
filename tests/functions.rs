//! The binaries of the functions, started as they are.

use std::process::Command;

const BINARIES: [(&str, &str); 6] = [
    ("enroll-request", env!("CARGO_BIN_EXE_enroll-request")),
    ("create-totp", env!("CARGO_BIN_EXE_create-totp")),
    ("verify", env!("CARGO_BIN_EXE_verify")),
    ("challenge", env!("CARGO_BIN_EXE_challenge")),
    ("factors", env!("CARGO_BIN_EXE_factors")),
    ("page", env!("CARGO_BIN_EXE_page")),
];

#[test]
fn a_function_without_its_settings_says_what_is_missing_and_fails() {
    for (name, binary) in BINARIES {
        let output = Command::new(binary).env_clear().env("CODE_TRIES", "many").output().unwrap();
        assert!(!output.status.success(), "{name}");
        let said = String::from_utf8_lossy(&output.stderr);
        for missing in [name, "TABLE_NAME is missing", "KMS_KEYS is missing", "CODE_TRIES must be a number"] {
            assert!(said.contains(missing), "{name} does not say {missing:?}: {said}");
        }
    }
}

#[test]
fn every_function_of_the_route_table_has_a_binary() {
    let binaries: Vec<_> = BINARIES.iter().map(|(name, _)| *name).collect();
    let functions: Vec<_> = countersign::http::routes::Function::ALL.iter().map(|function| function.name()).collect();
    assert_eq!(binaries, functions);
}
