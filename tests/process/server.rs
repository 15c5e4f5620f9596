//! A server for one test, on a free port, with its data in its own folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A running server, killed when it is dropped.
pub struct Server {
    process: Child,
    pub url: String,
    data: PathBuf,
    /// The data folder, if the server owns it; it is deleted with the server.
    folder: Option<TempDir>,
}

impl Server {
    /// Starts a server with a new folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with a new folder and these flags.
    pub fn start_with(flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(BINARY);
        command.args(flags);
        let mut server = Self::start_by(command, folder.path().to_owned());
        server.folder = Some(folder);
        server
    }

    /// Starts a server with the data in this folder.
    pub fn start_in(data: PathBuf) -> Self {
        Self::start_by(Command::new(BINARY), data)
    }

    /// Starts a server by a command that ends with the binary under test.
    pub fn start_by(mut command: Command, data: PathBuf) -> Self {
        let mut process = command
            .args(["--port", "0", "--data-dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("Countersign listens on ").map(|(_, url)| url.trim().to_owned()))
            .expect("the server says where it listens");
        // Reads the rest of the output, so that the server never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url, data, folder: None }
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends SIGTERM, and waits until the server has closed its files.
    pub fn stop(&mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap().success());
        assert!(self.ended().is_some_and(|status| status.success()));
    }

    /// The exit status, if the server ended by itself within ten seconds.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            self.process.try_wait().unwrap()
        })
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// An access token of the local issuer.
    pub fn token(&self, user: &str) -> String {
        token(&self.data, user)
    }

    /// A user with a token of this server.
    pub fn user(&self, name: &str) -> User {
        User { url: self.url.clone(), token: self.token(name) }
    }

    /// The newest code in the inbox for a number or an address.
    pub fn code_for(&self, to: &str) -> String {
        let inbox = request("GET", &format!("{}/local/inbox", self.url), None, &Value::Null).unwrap().1;
        let message = inbox.as_array().unwrap().iter().find(|message| message["to"] == to).expect("a message to them");
        message["code"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An access token of the issuer in a data folder; the server need not run.
pub fn token(data: &Path, user: &str) -> String {
    let output = Command::new(BINARY).args(["token", "--user", user, "--data-dir"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[derive(Clone)]
pub struct User {
    url: String,
    token: String,
}

impl User {
    /// Sends a request; `None` if there was no answer.
    pub fn try_call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        request(method, &format!("{}{path}", self.url), Some(&self.token), &body)
    }

    /// The same user, at another server with the same data.
    pub fn at(self, server: &Server) -> Self {
        Self { url: server.url.clone(), ..self }
    }

    /// The access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request that must be answered.
    pub fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.try_call(method, path, body).expect("an answer")
    }
}

/// Sends one HTTP request; `None` if there was no answer.
pub fn request(method: &str, url: &str, token: Option<&str>, body: &Value) -> Option<(u16, Value)> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .allow_non_standard_methods(true);
    let agent = config.build().new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    if !body.is_null() {
        request = request.header("content-type", "application/json");
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = agent.run(request.body(body).unwrap()).ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
}
