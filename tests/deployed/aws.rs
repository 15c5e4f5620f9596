//! AWS on this machine: ministack in a process of its own, and signed calls to it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::{HeaderName, HeaderValue, Request};

use crate::rig::sam;
use crate::stack::Reply;

pub(crate) const REGION: &str = "us-east-1";

/// An access key with its secret.
#[derive(Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A running ministack. It ends when this is dropped, and in every other case with this process.
pub(crate) struct Aws {
    port: u16,
    process: Child,
    pub(crate) folder: TempDir,
}

impl Drop for Aws {
    fn drop(&mut self) {
        // The end of its input ends it, and with it the functions.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Aws {
    /// Starts it. `None` where Python is missing.
    pub(crate) fn start() -> Option<Self> {
        let python = sam::installed("ministack")?.join("python");
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let script = "\"$0\" \"$1\" >server.log 2>&1 & server=$!; read -r _; kill $server; wait $server";
        let process = Command::new("sh")
            .args(["-c", script])
            .arg(python)
            .arg(fs::canonicalize(sam::folder()).unwrap().join("ministack_server.py"))
            .current_dir(&folder)
            .env_clear()
            .envs(environment(port, folder.path()))
            // Signatures are checked and policies evaluated.
            .env("AUTH", "true")
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("STATE_DIR", folder.path().join("state"))
            .env("S3_DATA_DIR", folder.path().join("s3"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let aws = Self { port, process, folder };
        let started = Instant::now();
        while ureq::get(format!("{}/_ministack/ready", aws.url())).call().is_err() {
            assert!(started.elapsed() < Duration::from_mins(1), "ministack did not start: {}", aws.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(aws)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The environment of a program that uses it as the owner of the account.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        environment(self.port, self.folder.path())
    }

    /// The lines that it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// The emulator's own data at a path.
    pub(crate) fn shown(&self, path: &str) -> Value {
        ureq::get(format!("{}{path}", self.url())).call().unwrap().body_mut().read_json().unwrap()
    }

    /// Calls a service by path.
    #[track_caller]
    pub(crate) fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("content-type", "application/json")];
        let call = Call { method, host: &self.host(), path, headers: &headers, body: &body };
        self.send(&call, Some((service, &owner()))).expect(200).body
    }

    /// Calls a service with JSON.
    #[track_caller]
    pub(crate) fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let request =
            Call { method: "POST", host: &self.host(), path: "/", headers: &headers, body: &body.to_string() };
        self.send(&request, Some((service, &owner()))).expect(200).body
    }

    /// Calls a service with a form; returns its XML.
    #[track_caller]
    pub(crate) fn form(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = Call { method: "POST", host: &self.host(), path: "/", headers: &headers, body: &body.join("&") };
        let reply = self.send(&request, Some((service, &owner())));
        assert_eq!(reply.status, 200, "{fields:?}: {}", reply.body);
        reply.body.as_str().unwrap().to_owned()
    }

    /// A new IAM user with a key and no permission.
    pub(crate) fn user(&self, name: &str) -> AccessKey {
        self.form("iam", &[("Action", "CreateUser"), ("UserName", name)]);
        let xml = self.form("iam", &[("Action", "CreateAccessKey"), ("UserName", name)]);
        let [id, secret] = ["AccessKeyId", "SecretAccessKey"].map(|part| element(&xml, part).to_owned());
        AccessKey { id, secret }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends a request, signed for a service if there is a key.
    #[track_caller]
    pub(crate) fn send(&self, call: &Call<'_>, signer: Option<(&str, &AccessKey)>) -> Reply {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.url(), call.path))
            .header("host", call.host)
            .body(call.body.to_owned())
            .unwrap();
        for (name, value) in call.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        if let Some((service, key)) = signer {
            sign_request(&mut request, service, key);
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        let mut answer = agent.run(request).unwrap();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().into()));
        let (status, headers) = (u64::from(answer.status().as_u16()), Value::Object(headers.collect()));
        let text = answer.body_mut().read_to_string().unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
        Reply { status, headers, body }
    }
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// The value of its header `host`.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

/// The owner of the account, to whom no policy applies.
fn owner() -> AccessKey {
    AccessKey { id: "test".to_owned(), secret: "test".to_owned() }
}

/// All that a program needs to find AWS at a port. Nothing of the developer's own settings reaches it.
fn environment(port: u16, home: &Path) -> Vec<(&'static str, String)> {
    let AccessKey { id, secret } = owner();
    vec![
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", home.to_str().unwrap().to_owned()),
        ("TMPDIR", home.to_str().unwrap().to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ]
}

fn sign_request(request: &mut Request<String>, service: &str, key: &AccessKey) {
    let identity = Credentials::new(&key.id, &key.secret, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::UNIX_EPOCH + SystemTime::UNIX_EPOCH.elapsed().unwrap())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = request.uri().to_string();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let body = SignableBody::Bytes(request.body().as_bytes());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body).unwrap();
    sign(signable, &parameters).unwrap().into_parts().0.apply_to_request_http1x(request);
}

/// A value for a form or a path, percent-encoded.
pub(crate) fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// The text of the first XML element of this name.
#[track_caller]
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once('<').unwrap().0
}
