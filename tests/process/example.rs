//! The examples: a server with its own login and routes beside the second factor, and an application that uses hosted
//! sessions.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::{copy, python, succeed};
use crate::page::drivers;
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

/// The page with the code of hosted sessions in each language.
const INTEGRATE: &str = "docs/integrate.md";

/// A file of this repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Reads what an application says until it names its URL, and drops the rest, so that no pipe is ever full.
fn wait_for(url: &str, output: impl Read + Send + 'static) {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let mut said = Vec::new();
    while !said.last().is_some_and(|line: &String| line.contains(url)) {
        said.push(lines.next().unwrap_or_else(|| panic!("the application ended: {said:?}")));
    }
    std::thread::spawn(move || lines.for_each(drop));
}

/// A port for an application, whose URL Countersign must know before the application starts.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Runs an application beside a server, and walks through it as its user and as a thief. `documented` is the program and
/// the script that run the code of the documents in the application's language, and the documents. All run in a folder with
/// the packages.
#[track_caller]
fn walk(mut application: Command, documented: &[&Path], folder: &Path) {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let server = Server::start_with(&["--return-urls", &format!("{url}/signed-in")]);
    // One pipe for both streams, because applications differ in where they say that they listen.
    let (output, stream) = std::io::pipe().unwrap();
    application.current_dir(folder).env("PORT", &port).env("COUNTERSIGN_URL", &server.url).stdin(Stdio::null());
    // A developer's shell may have the key of an AWS account. The local server does not know it.
    application.env("AWS_ACCESS_KEY_ID", "of-an-account").env("AWS_SECRET_ACCESS_KEY", "its-secret");
    let _app = Running(application.stdout(stream.try_clone().unwrap()).stderr(stream).spawn().unwrap());
    drop(application);
    wait_for(&url, output);

    let mut browsers = Command::new("node");
    browsers.arg(file("tests/example/walk.mjs")).args(documented).current_dir(folder);
    succeed(browsers.env("APP_URL", &url).env("COUNTERSIGN_URL", &server.url));

    // Without Countersign nobody is let in.
    drop(server);
    let form = "name=alice&password=correct+horse";
    let answer = ureq::post(format!("{url}/sign-in")).config().http_status_as_error(false).build();
    let answer = answer.content_type("application/x-www-form-urlencoded").send(form).unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("set-cookie")), (503, None));
}

#[test]
fn the_node_example_lets_in_only_the_browser_that_passed() {
    if !["node", "npm", "oathtool"].into_iter().all(have) {
        return;
    }
    let folder = copy("../examples/node-express", "node-express");
    succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder));
    let mut application = Command::new("node");
    application.arg("app.js");
    let script = file("tests/example/documented.mjs");
    walk(application, &["node".as_ref(), &script, "README.md".as_ref(), INTEGRATE.as_ref()], &folder);
}

#[test]
fn the_python_example_lets_in_only_the_browser_that_passed() {
    if !["node", "python3", "oathtool"].into_iter().all(have) {
        return;
    }
    let folder = python();
    let interpreter = folder.join("venv/bin/python");
    let mut application = Command::new(&interpreter);
    application.arg(file("examples/python-fastapi/app.py"));
    walk(application, &[&interpreter, &file("tests/example/documented.py"), INTEGRATE.as_ref()], folder);
}

#[test]
fn the_profile_page_turns_two_factor_on_and_off_from_another_origin() {
    if !["chromium", "node", "npm", "oathtool", "zbarimg"].into_iter().all(have) {
        return;
    }
    let origin = format!("http://127.0.0.1:{}", free_port());
    let server = Server::start_with(&["--allowed-origins", &origin]);
    let mut driver = Command::new("node");
    driver.arg("profile.mjs").current_dir(drivers()).env("COUNTERSIGN_URL", &server.url).env("ORIGIN", origin);
    let page = file("examples/profile-page/index.html").canonicalize().unwrap();
    succeed(driver.env("TOKEN", server.token("alice")).env("PAGE_FILE", page));
}
