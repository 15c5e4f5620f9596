//! The fuzz target of passkeys: every reader of bytes that a client sends before it has proved anything.
#![no_main]

use std::sync::LazyLock;

use countersign::domain::factor::passkey::fuzzing::Fuzzing;
use libfuzzer_sys::fuzz_target;

static FUZZING: LazyLock<Fuzzing> = LazyLock::new(|| Fuzzing::new().unwrap());

fuzz_target!(|bytes: &[u8]| FUZZING.read(bytes));
