//! The server's edges: answers in place of the gateway, access from browsers, and the end of the process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{BINARY, Server, request};
use crate::signing::BackEnd;

/// Sends the bytes of one request; returns the status of its answer.
fn raw(server: &Server, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer}"))
}

#[test]
fn an_unknown_route_is_answered_with_404_without_a_token() {
    let server = Server::start();
    for (method, path) in [("GET", "/v1/nothing"), ("PUT", "/v1/me/factors"), ("OPTIONS", "/v1/me/verify")] {
        let answer = request(method, &format!("{}{path}", server.url), None, &Value::Null).unwrap();
        assert_eq!(answer, (404, json!({"message": "Not Found"})), "{method} {path}");
    }
}

#[test]
fn a_malformed_host_or_authorization_header_is_answered_t42() {
    let server = Server::start();
    for host in [&b"evil.example"[..], b"", b"a b", b"\xff\xfe", b"localhost:3000:1", b"127.0.0.1, evil.example"] {
        for (path, status) in [("/local/inbox", 403), ("/v1/me/factors", 401)] {
            let head = format!("GET {path} HTTP/1.1\r\nx-forwarded-proto: https, http\r\nconnection: close\r\nhost: ");
            let request = [head.as_bytes(), host, b"\r\n\r\n"].concat();
            assert_eq!(raw(&server, &request), status, "{path} {host:?}");
        }
    }
    assert_eq!(raw(&server, b"GET /local/inbox HTTP/1.0\r\n\r\n"), 403);
    let head = b"GET /v1/me/factors HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \xff\r\n\r\n";
    assert_eq!(raw(&server, head), 401);
}

#[test]
fn back_end_routes_accept_only_signed_requests_from_this_machine_t39() {
    let server = Server::start();
    let path = "/v1/users/auth0%7Calice/factors";
    let ask = |method: &str, path: &str, authorization: Option<&str>| {
        request(method, &format!("{}{path}", server.url), authorization, &Value::Null).unwrap()
    };
    let forbidden = (403, json!({"message": "Forbidden"}));
    let token = server.token("alice");
    for other in ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=local", &token, &format!("Bearer {token}")] {
        assert_eq!(ask("GET", path, Some(other)), forbidden, "{other}");
    }
    assert_eq!(ask("DELETE", "/v1/users/alice", None), forbidden);
    assert_eq!(ask("GET", "/v1/users/alice", None), (404, json!({"message": "Not Found"})));
    let signed = BackEnd::of(&server).signed("GET", "/v1/me/factors", &Value::Null);
    let signed = signed.headers()["authorization"].to_str().unwrap().to_owned();
    assert_eq!(ask("GET", "/v1/me/factors", Some(&signed)), (401, json!({"message": "Unauthorized"})));

    let host = server.url.trim_start_matches("http://");
    for (origin, status) in [("", 200), ("http://localhost:5173", 200), ("https://evil.example", 403)] {
        let origin = if origin.is_empty() { String::new() } else { format!("origin: {origin}\r\n") };
        let signed = BackEnd::of(&server).signed("GET", path, &Value::Null);
        let header = |name: &str| signed.headers()[name].to_str().unwrap();
        let (authorization, date) = (header("authorization"), header("x-amz-date"));
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\n{origin}authorization: {authorization}\r\nx-amz-date: {date}\r\n\
             connection: close\r\n\r\n"
        );
        assert_eq!(raw(&server, head.as_bytes()), status, "{origin}");
        // A name of another site that leads to this machine.
        let head = head.replacen(host, "evil.example", 1);
        assert_eq!(raw(&server, head.as_bytes()), 403, "{origin}");
    }
}

/// The answer to a browser that asks a host for the first page: its status and where it leads.
fn first_page(server: &Server, host: &str) -> (u16, Option<String>) {
    let agent = ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false).build().new_agent();
    let request = agent.get(&server.url).header("host", host).header("accept", "text/html");
    let response = request.call().unwrap();
    (response.status().as_u16(), response.headers().get("location").map(|url| url.to_str().unwrap().to_owned()))
}

#[test]
fn a_browser_is_led_to_localhost_where_it_allows_passkeys() {
    let server = Server::start();
    let (_, port) = server.url.rsplit_once(':').unwrap();
    let site = format!("http://localhost:{port}");
    assert_eq!(first_page(&server, &format!("127.0.0.1:{port}")), (307, Some(format!("{site}/"))));
    // Another port is one that somebody else forwards.
    for host in [format!("localhost:{port}"), "127.0.0.1:1".to_owned()] {
        assert_eq!(first_page(&server, &host), (200, None), "{host}");
    }
    let origins = request("GET", &format!("{}/.well-known/webauthn", server.url), None, &Value::Null);
    assert_eq!(origins, Some((200, json!({"origins": [site]}))));
    let session = json!({"purpose": "enroll", "returnUrl": format!("{}/local/try/return", server.url)});
    let (status, session) = BackEnd::of(&server).call("POST", "/v1/users/alice/sessions", &session);
    assert_eq!(status, 201, "{session}");
    assert!(session["url"].as_str().unwrap().starts_with(&format!("{site}/page#")), "{session}");
}

#[test]
fn a_page_that_passkeys_can_not_be_used_on_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let mut start = Command::new(BINARY);
    start.args(["--port", "0", "--rp-id", "example.com", "--data-dir"]).arg(folder.path());
    let refused = start.output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("RP_ORIGINS must include http://localhost:"), "{told}");
}

#[test]
fn a_page_of_another_site_does_not_set_the_clock() {
    let server = Server::start();
    let form = |origin: &str| {
        format!(
            "POST /local/clock HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: {origin}\r\ncontent-type: text/plain\r\n\
             content-length: 13\r\nconnection: close\r\n\r\n{{\"advance\":1}}"
        )
    };
    assert_eq!(raw(&server, form("https://evil.example").as_bytes()), 403);
    assert_eq!(raw(&server, form("http://localhost:5173").as_bytes()), 200);
}

#[test]
fn an_unrepresentable_clock_time_is_refused_and_the_inbox_stays_readable() {
    let server = Server::start();
    let clock = format!("{}/local/clock", server.url);
    let (status, answer) = request("POST", &clock, None, &json!({"advance": i64::MAX})).unwrap();
    assert_eq!((status, answer["message"].is_string()), (400, true), "{answer}");
    let body = json!({"factorType": "email", "email": "alice@example.com"});
    assert_eq!(server.user("alice").call("POST", "/v1/me/enrollments", body).0, 201);
    assert!(!server.code_for("alice@example.com").is_empty());
}

#[test]
fn half_a_request_does_not_keep_the_server_from_stopping() {
    let mut server = Server::start();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /local/in").unwrap();
    server.stop();
}

/// A new key of the same version would count every right code as wrong.
#[test]
fn the_server_refuses_to_start_with_items_but_no_key_file() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_in(folder.path().to_owned());
    server.user("alice").call("POST", "/v1/me/enrollments", json!({"factorType": "totp"}));
    server.kill();
    let (keys, kept) = (folder.path().join("keys"), folder.path().join("kept"));
    std::fs::rename(&keys, &kept).unwrap();
    let start = || Command::new(BINARY).args(["--port", "0", "--data-dir"]).arg(folder.path()).output().unwrap();
    let refused = start();
    assert!(!refused.status.success());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("the key file is missing"), "{told}");
    assert!(!keys.exists(), "no key was made");
    // With the file back, all is as before.
    std::fs::rename(&kept, &keys).unwrap();
    let server = Server::start_in(folder.path().to_owned());
    assert_eq!(server.user("alice").call("GET", "/v1/me/factors", Value::Null).0, 200);
}
