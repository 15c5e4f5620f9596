//! The back end: requests with an AWS signature, and whose signature the local server refuses.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::clients::{python, succeed};
use crate::server::{BINARY, Server};
use crate::tools::have;

/// The back end with the access key `local`.
pub struct BackEnd<'a> {
    server: &'a Server,
    key: [&'a str; 2],
}

impl<'a> BackEnd<'a> {
    pub fn of(server: &'a Server) -> Self {
        Self { server, key: ["local", "local"] }
    }

    /// A signed request.
    pub fn signed(&self, method: &str, path: &str, body: &Value) -> Request<String> {
        let url = format!("{}{path}", self.server.url);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = Request::builder().method(method).uri(&url);
        request = request.header("host", url.split('/').nth(2).unwrap());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(body).unwrap();
        let identity = Credentials::new(self.key[0], self.key[1], None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("execute-api")
            .time(SystemTime::UNIX_EPOCH + SystemTime::UNIX_EPOCH.elapsed().unwrap())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(request.body().as_bytes()));
        sign(signable.unwrap(), &parameters).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
        request
    }

    /// Sends a signed request.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = send(self.signed(method, path, body));
        (answer.0, answer.2)
    }
}

/// Sends a request; returns the status, the header with the reason of a 403, and the body.
fn send(request: Request<String>) -> (u16, Option<String>, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
    let mut answer = config.build().new_agent().run(request).unwrap();
    let reason = answer.headers().get("countersign-reason").map(|reason| reason.to_str().unwrap().to_owned());
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), reason, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[test]
fn only_the_servers_own_access_key_signs_for_the_back_end_t39() {
    let server = Server::start();
    let back_end = BackEnd::of(&server);
    let path = "/v1/users/auth0%7Calice/factors";
    let nothing = json!({"factors": [], "recoveryCodes": {"remaining": 0}});
    assert_eq!(back_end.call("GET", path, &Value::Null), (200, nothing));
    assert_eq!(back_end.call("DELETE", "/v1/users/auth0%7Calice", &Value::Null), (204, Value::Null));
    let (status, answer) = back_end.call("GET", "/v1/users/auth0%20alice/factors", &Value::Null);
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("userId")));

    let body = json!({"factorType": "totp"});
    let enroll = |back_end: &BackEnd<'_>| back_end.signed("POST", "/v1/users/alice/enrollments", &body);
    let mut tampered = enroll(&back_end);
    *tampered.body_mut() = json!({"factorType": "email", "email": "a@example.com"}).to_string();
    let mut elsewhere = enroll(&back_end);
    *elsewhere.uri_mut() = format!("{}/v1/users/bob/enrollments", server.url).parse().unwrap();
    let mut unsigned = enroll(&back_end);
    unsigned.headers_mut().remove("authorization");
    let mut old = enroll(&back_end);
    old.headers_mut().insert("x-amz-date", "20260101T000000Z".parse().unwrap());
    for (name, request, reason) in [
        ("another secret", enroll(&BackEnd { server: &server, key: ["local", "any"] }), "the signature does not match"),
        ("another key", enroll(&BackEnd { server: &server, key: ["any", "local"] }), "the access key id is not"),
        ("another body", tampered, "the signature does not match"),
        ("another user", elsewhere, "the signature does not match"),
        ("no signature", unsigned, "the request has no AWS signature"),
        ("another day", old, "of the same day as the scope"),
    ] {
        let (status, told, answer) = send(request);
        assert_eq!((status, answer), (403, json!({"message": "Forbidden"})), "{name}");
        assert!(told.as_ref().is_some_and(|told| told.contains(reason)), "{name}: {told:?}");
    }
    assert_eq!(send(enroll(&back_end)).0, 201);
}

#[test]
fn signatures_go_by_real_time_whatever_the_local_clock_says() {
    let server = Server::start();
    let clock = ureq::post(format!("{}/local/clock", server.url));
    clock.send_json(json!({"now": "2030-01-01T00:00:00Z"})).unwrap();
    assert_eq!(BackEnd::of(&server).call("GET", "/v1/users/alice/factors", &Value::Null).0, 200);
}

#[test]
fn another_access_key_is_set_by_flags_or_variables() {
    let secret = "a secret/with+signs".replace(' ', "-");
    let by_flags = Server::start_with(&["--access-key-id", "ASIA1", "--secret-access-key", &secret]);
    let mut command = Command::new(BINARY);
    command.envs([("LOCAL_ACCESS_KEY_ID", "ASIA1"), ("LOCAL_SECRET_ACCESS_KEY", &secret)]);
    // The variables of the AWS tools have no effect.
    command.envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")]);
    let folder = tempfile::tempdir().unwrap();
    let by_variables = Server::start_by(command, folder.path().to_owned());
    for server in [&by_flags, &by_variables] {
        for (key, status) in [(["ASIA1", secret.as_str()], 200), (["local", "local"], 403), (["ASIA1", "local"], 403)] {
            let answer = BackEnd { server, key }.call("GET", "/v1/users/alice/factors", &Value::Null);
            assert_eq!(answer.0, status, "{key:?}");
        }
    }
    let help = Command::new(BINARY).arg("--help").env("LOCAL_SECRET_ACCESS_KEY", &secret).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--secret-access-key") && !help.contains(&secret), "{help}");
}

/// curl with these arguments, signed; its answer, and the reason of a 403.
fn curl(server: &Server, key: &str, arguments: &[&str], path: &str) -> (Value, String) {
    let output = Command::new("curl")
        .args(["-sS", "--path-as-is", "-D", "/dev/stderr"])
        .args(["--aws-sigv4", "aws:amz:local:execute-api", "--user", key])
        .args(arguments)
        .arg(format!("{}{path}", server.url))
        .output()
        .unwrap();
    let head = String::from_utf8(output.stderr).unwrap();
    let reason = head.lines().find_map(|line| line.strip_prefix("countersign-reason: ")).unwrap_or_default();
    (serde_json::from_slice(&output.stdout).unwrap(), reason.to_owned())
}

#[test]
fn curl_signs_for_the_back_end() {
    if !have("curl") {
        return;
    }
    let server = Server::start();
    let arguments = ["-H", "content-type: application/json", "-d", r#"{"factorType":"totp"}"#];
    let (answer, _) = curl(&server, "local:local", &arguments, "/v1/users/alice/enrollments");
    assert!(answer["totp"]["uri"].as_str().unwrap().starts_with("otpauth://totp/Countersign:alice?"), "{answer}");
    let (answer, reason) = curl(&server, "any:any", &arguments, "/v1/users/alice/enrollments");
    assert_eq!((answer, reason.starts_with("the access key id")), (json!({"message": "Forbidden"}), true), "{reason}");
    // Old versions of curl sign a path as it is. A gateway of AWS refuses that too.
    let (answer, reason) = curl(&server, "local:local", &[], "/v1/users/auth0%7Calice/factors");
    let is_told = reason.starts_with("the path must be encoded once more");
    assert!(is_told || answer["factors"].is_array(), "{answer} {reason}");
}

#[test]
fn botocore_signs_for_the_back_end_as_the_documents_say() {
    if !have("python3") {
        return;
    }
    let folder = python();
    let server = Server::start();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    assert!(fs::exists(&page).unwrap());
    let mut command = Command::new(folder.join("venv/bin/python"));
    command.env("COUNTERSIGN_URL", &server.url).env("PAGE", page);
    command
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_DEFAULT_REGION", "eu-west-1");
    succeed(command.arg("back_end.py").current_dir(folder));
}
