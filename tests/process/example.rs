//! The examples: a server with its own login and routes beside the second factor, and an application that uses hosted
//! sessions.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::{copy, succeed};
use crate::server::{Server, request};
use crate::tools::{have, skip, totp};

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

/// A process that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_node_example_lets_in_only_the_browser_that_passed() {
    if !["node", "npm", "oathtool"].into_iter().all(have) {
        return;
    }
    let folder = copy("../examples/node-express", "node-express");
    succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder));

    // Countersign must know the application's URL before the application starts.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let server = Server::start_with(&["--return-urls", &format!("{url}/signed-in")]);
    let mut command = Command::new("node");
    command.arg("app.js").current_dir(&folder).env("PORT", &port).env("COUNTERSIGN_URL", &server.url);
    // The developer's own AWS credentials are not the local server's.
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    let mut app = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let line = BufReader::new(app.0.stdout.take().unwrap()).lines().next().expect("it says where it listens").unwrap();
    assert_eq!(line, format!("The example listens on {url}"));

    let walk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/example/walk.mjs");
    let mut browsers = Command::new("node");
    succeed(browsers.arg(walk).current_dir(&folder).env("APP_URL", &url).env("COUNTERSIGN_URL", &server.url));

    // Without Countersign nobody is let in.
    drop(server);
    let form = "name=alice&password=correct+horse";
    let answer = ureq::post(format!("{url}/sign-in")).config().http_status_as_error(false).build();
    let answer = answer.content_type("application/x-www-form-urlencoded").send(form).unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("set-cookie")), (503, None));
}
