//! Transcripts of requests and answers.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Client, Reply};

/// Requests and answers in their order, for a reviewed snapshot.
#[derive(Default)]
pub struct Transcript(String);

impl Transcript {
    /// Makes a request, and records it with its answer.
    pub async fn step(&mut self, says: &str, client: &Client, method: &str, path: &str, body: Value) -> Reply {
        let reply = client.call(method, path, body.clone()).await;
        self.write(says, method, &client.path(path), &body, &reply);
        reply
    }

    /// Records a request whose body can't be shown, with its answer.
    pub fn note(&mut self, says: &str, method: &str, path: &str, reply: &Reply) {
        self.write(says, method, path, &Value::Null, reply);
    }

    pub async fn post(&mut self, says: &str, client: &Client, path: &str, body: Value) -> Reply {
        self.step(says, client, "POST", path, body).await
    }

    pub async fn patch(&mut self, says: &str, client: &Client, path: &str, body: Value) -> Reply {
        self.step(says, client, "PATCH", path, body).await
    }

    pub async fn get(&mut self, says: &str, client: &Client, path: &str) -> Reply {
        self.step(says, client, "GET", path, Value::Null).await
    }

    pub async fn delete(&mut self, says: &str, client: &Client, path: &str, body: Value) -> Reply {
        self.step(says, client, "DELETE", path, body).await
    }

    fn write(&mut self, says: &str, method: &str, path: &str, body: &Value, reply: &Reply) {
        let body = if body.is_null() { String::new() } else { format!(" {body}") };
        writeln!(self.0, "# {says}\n{method} {path}{body}\n→ {}", reply.status.as_u16()).unwrap();
        for name in ["retry-after", "content-type"] {
            if let Some(value) = reply.headers.get(name) {
                writeln!(self.0, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        if !reply.bytes.is_empty() {
            let json = without_images(reply.json());
            writeln!(self.0, "{}", serde_json::to_string_pretty(&json).unwrap()).unwrap();
        }
        self.0.push('\n');
    }

    /// The whole transcript.
    pub fn text(self) -> String {
        self.0
    }
}

/// Removes images, which other tests check.
fn without_images(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("data:image/png;base64,") => "<a PNG>".into(),
        Value::Array(values) => values.into_iter().map(without_images).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, without_images(value))).collect(),
        other => other,
    }
}
