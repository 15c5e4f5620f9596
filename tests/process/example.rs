//! The example server: somebody's own login and routes, and the second factor beside them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::request;
use crate::tools::{skip, totp};

/// The example's binary. `cargo test --workspace` builds it beside the tests; `--test process` alone does not.
fn example() -> Option<PathBuf> {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let binary = deps.parent().unwrap().join("examples/axum");
    if binary.exists() {
        return Some(binary);
    }
    skip("`cargo test --workspace` builds the example, and it is not built");
    None
}

#[expect(clippy::disallowed_methods, reason = "the server under test runs on the machine's time")]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn the_axum_example_serves_its_own_routes_and_the_second_factor() {
    let Some(example) = example() else { return };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for start in 0..2 {
        let mut server = Command::new(&example).arg(&data).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let url = lines.next().expect("it says where it listens").unwrap();
        let ask = |method: &str, path: &str, token: Option<&str>, body: Value| {
            request(method, &format!("{url}{path}"), token, &body).expect("an answer")
        };
        let alice = Some("Bearer alice");
        assert_eq!(ask("GET", "/", None, Value::Null).0, 200, "its own route");
        assert_eq!(ask("GET", "/v1/me/factors", None, Value::Null).0, 401);
        let factors = ask("GET", "/v1/me/factors", alice, Value::Null).1;
        assert_eq!(factors["factors"].as_array().unwrap().len(), start, "what was enrolled is kept");
        if start == 0 {
            let begun = ask("POST", "/v1/me/enrollments", alice, json!({"factorType": "totp"})).1;
            let secret = begun["totp"]["secret"].as_str().unwrap();
            let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": totp(secret, now())});
            assert_eq!(ask("POST", "/v1/me/enrollments/confirm", alice, confirm).0, 201);
        }
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
