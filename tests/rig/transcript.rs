//! What was asked and answered, written down.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Client, Reply};

/// Requests and answers in the order they were made, to be reviewed as a snapshot.
#[derive(Default)]
pub struct Transcript(String);

impl Transcript {
    /// Makes a request and writes down what came of it.
    pub async fn step(&mut self, says: &str, client: &Client, method: &str, path: &str, body: Value) -> Reply {
        let reply = client.call(method, path, body.clone()).await;
        self.write(says, method, &client.path(path), &body, &reply);
        reply
    }

    /// Writes down a request that was made and what came of it, where its body is none to show.
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

    /// The whole.
    pub fn text(self) -> String {
        self.0
    }
}

/// Pictures are looked at elsewhere.
fn without_images(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("data:image/png;base64,") => "<a PNG>".into(),
        Value::Array(values) => values.into_iter().map(without_images).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, without_images(value))).collect(),
        other => other,
    }
}
