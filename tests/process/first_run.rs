//! The first five minutes: the README's walk, the inbox, the messages that help a beginner.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{BINARY, Server, request, token};
use crate::tools::have;

#[test]
fn the_walk_of_the_readme_works_when_it_is_pasted() {
    if !["bash", "curl"].into_iter().all(have) {
        return;
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, walk) = readme.split_once("<!-- walk -->\n```sh\n").expect("the README has a walk");
    let (walk, _) = walk.split_once("```").unwrap();
    let folder = TempDir::new().unwrap();
    let server = Server::start_in(folder.path().to_owned());
    // The test's own port and folder; everything else stays as in the README.
    let script = walk
        .replace("URL=http://127.0.0.1:3000", &format!("URL={}", server.url))
        .replace("cargo run -q -- token", &format!("{BINARY} token --data-dir {}", folder.path().display()));
    assert!(script.contains(BINARY) && script.contains(&server.url), "the walk no longer has what is replaced");
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{failed}");
    let answers: Vec<Value> =
        printed.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3, "{printed}");
    assert_eq!(answers[0]["recoveryCodes"].as_array().unwrap().len(), 10);
    assert_eq!(answers[1]["verified"], true);
    assert_eq!(answers[2]["factors"][0]["type"], "email");
}

#[test]
fn codes_are_in_the_inbox_which_is_a_page_in_a_browser() {
    let server = Server::start();
    let alice = server.user("alice");
    let body = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    let (status, begun) = alice.call("POST", "/v1/me/enrollments", body);
    assert_eq!(status, 201, "{begun}");
    let code = server.code_for("+8613800138000");
    if have("chromium") {
        let profile = TempDir::new().unwrap();
        let page = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--dump-dom", &format!("{}/local/inbox", server.url)])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&page.stdout).into_owned();
        assert!(page.contains("<html") && page.contains(&code), "{page}");
    }
}

#[test]
fn a_token_is_made_with_the_server_running_or_not_and_is_no_other_servers() {
    let folder = TempDir::new().unwrap();
    let before = token(folder.path(), "alice");
    let server = Server::start_in(folder.path().to_owned());
    let list =
        |token: Option<&str>| request("GET", &format!("{}/v1/me/factors", server.url), token, &Value::Null).unwrap();
    assert_eq!(list(Some(&before)).0, 200);
    assert_eq!(list(Some(&format!("Bearer {before}"))).0, 200);
    assert_eq!(list(Some(&server.token("alice"))).0, 200);
    let foreign = token(TempDir::new().unwrap().path(), "alice");
    assert_eq!(list(Some(&foreign)), (401, json!({"message": "Unauthorized"})));
    assert_eq!(list(None), (401, json!({"message": "Unauthorized"})));
}

#[test]
fn a_second_server_on_the_same_data_says_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let _first = Server::start_in(folder.path().to_owned());
    let second = Command::new(BINARY).args(["--port", "0", "--data-dir"]).arg(folder.path()).output().unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("another process") || message.contains("in use"), "{message}");
}

#[test]
fn settings_that_make_no_sense_are_told_at_once() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(BINARY)
        .args(["--port", "0", "--code-tries", "many", "--challenge-seconds", "601", "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("CODE_TRIES") && message.contains("CHALLENGE_SECONDS"), "{message}");
}

#[test]
fn the_server_stays_under_50_megabytes() {
    let server = Server::start();
    for user in 0..100 {
        let user = server.user(&format!("user-{user}"));
        let body = json!({"factorType": "email", "email": "somebody@example.com"});
        user.call("POST", "/v1/me/enrollments", body);
        let (status, _) = user.call("POST", "/v1/me/enrollments", json!({"factorType": "totp"}));
        assert_eq!(status, 201);
        let (_, answer) =
            user.call("POST", "/v1/me/enrollments", json!({"factorType": "sms", "phoneNumber": "+41791234567"}));
        assert!(answer.is_object());
    }
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
        // Only Linux has this file.
        return;
    };
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 50_000, "{kilobytes} kB");
}
