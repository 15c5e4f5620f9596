//! The first five minutes: the README's walk, the inbox, the messages that help a beginner.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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
fn a_local_token_is_valid_only_for_its_data_dir_even_if_made_before_start() {
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
fn invalid_settings_are_reported_together_at_start_up() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(BINARY)
        .args(["--code-tries", "many", "--challenge-seconds", "601", "--data-dir"])
        .arg(folder.path())
        .env("LOCK_AFTER", "1")
        .env("PORT", "http")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    // By the names with which they came.
    let expected = "countersign: PORT must be a number from 0 to 65535\n\
                    --challenge-seconds must be a number from 60 to 600\n\
                    LOCK_AFTER must be a number from 10 to 1000\n\
                    --code-tries must be a number from 1 to 10\n";
    assert_eq!(message, expected);
}

#[test]
fn the_version_is_printed_with_the_name() {
    let output = Command::new(BINARY).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_first_lines_fit_a_terminal_and_have_no_token() {
    let folder = TempDir::new().unwrap();
    let printed = folder.path().join("printed");
    // A free port: the default one may be taken. The folder is the default.
    let mut process = Command::new(BINARY)
        .args(["--port", "0"])
        .current_dir(folder.path())
        .stdout(fs::File::create(&printed).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        fs::read_to_string(&printed).ok().filter(|lines| lines.contains("README.md"))
    });
    process.kill().unwrap();
    process.wait().unwrap();
    let lines = lines.expect("the server says where it listens");
    assert!(lines.lines().count() <= 12, "{lines}");
    assert!(lines.lines().all(|line| line.chars().count() <= 80), "{lines}");
    assert!(!lines.contains("eyJ"), "{lines}");
    for named in ["http://127.0.0.1:", "/local/inbox", ".countersign\n", "cargo run -q -- token --user alice\n"] {
        assert!(lines.contains(named), "{named} is not in:\n{lines}");
    }
    assert!(lines.contains("cargo run -q -- demo --user alice --port "), "{lines}");
}

/// `GET /` with this header `Accept`.
fn home(server: &Server, accept: &str) -> String {
    let mut response = ureq::get(&server.url).header("accept", accept).call().unwrap();
    response.body_mut().read_to_string().unwrap()
}

#[test]
fn the_root_says_what_this_is_and_where_to_go() {
    let server = Server::start();
    let (text, page) = (home(&server, "*/*"), home(&server, "text/html,*/*;q=0.8"));
    assert!(!text.contains('<') && page.starts_with("<!doctype html>"), "{text}{page}");
    for (name, shown) in [("text", &text), ("page", &page)] {
        for route in countersign::http::routes::routes() {
            let line = format!("{:6} {}\n", route.method.as_str(), route.path);
            assert!(shown.contains(&line), "the {name} has no {line}");
        }
        assert_eq!(
            shown.matches("Dialect native, for a user").count(),
            1,
            "a list for each dialect and caller: {shown}"
        );
        for command in ["token", "demo"] {
            assert!(shown.contains(&format!("cargo run -q -- {command} --user alice")), "{shown}");
        }
    }
    // Every link is answered, and every document is there.
    let links: Vec<_> = page.split("<a href='").skip(1).map(|link| link.split('\'').next().unwrap()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        assert!(text.contains(&format!("{}{link}\n", server.url)), "the text has no {link}");
        assert_eq!(request("GET", &format!("{}{link}", server.url), None, &Value::Null).unwrap().0, 200, "{link}");
    }
    let documents: Vec<_> = page.split("<b>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    assert!(documents.contains(&"README.md"), "{documents:?}");
    for document in documents {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
        assert!(path.is_file() && text.contains(document), "{document}");
    }
}

/// The header `www-authenticate` of a refused request.
fn challenge(server: &Server, authorization: Option<&str>) -> String {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut request = agent.get(format!("{}/v1/me/factors", server.url));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.call().unwrap();
    assert_eq!(response.status(), 401);
    response.headers()["www-authenticate"].to_str().unwrap().to_owned()
}

#[test]
fn a_401_says_why_as_the_gateway_does() {
    let server = Server::start();
    assert_eq!(challenge(&server, None), "Bearer");
    assert_eq!(challenge(&server, Some("Bearer ")), "Bearer");
    let expired = Command::new(BINARY)
        .args(["token", "--user", "alice", "--ttl", "1", "--data-dir"])
        .arg(server.data())
        .output()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let expired = String::from_utf8(expired.stdout).unwrap();
    let foreign = token(TempDir::new().unwrap().path(), "alice");
    for (token, reason) in [
        ("alice", "the token is malformed"),
        (expired.trim(), "the token has expired"),
        (&foreign, "the token is not signed with a key of this issuer"),
    ] {
        let expected = format!(r#"Bearer scope="" error="invalid_token" error_description="{reason}""#);
        assert_eq!(challenge(&server, Some(token)), expected);
        assert_eq!(challenge(&server, Some(&format!("Bearer {token}"))), expected);
    }
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
