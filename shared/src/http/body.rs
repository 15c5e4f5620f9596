//! Request bodies: a JSON object of at most [`MAX_BYTES`], whose fields are read by name. A problem contains the
//! field's path and never its value.

use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::failure::{Failure, FieldProblem};
use crate::flows::Service;

/// The largest accepted body, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most problems in one answer.
const MAX_PROBLEMS: usize = 10;

/// The fields of a body, or of an object in it. An empty body has no fields.
pub(super) struct Fields {
    path: String,
    object: Map<String, Value>,
}

impl FromRequest<Arc<Service>> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<Service>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        read(&parts.headers, body).await
    }
}

/// The body of a route that needs none. It is read up to the same limit, whatever its type, and dropped.
pub(super) struct Ignored;

impl FromRequest<Arc<Service>> for Ignored {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<Service>) -> Result<Self, Failure> {
        bytes(request.into_body()).await?;
        Ok(Self)
    }
}

async fn bytes(body: HttpBody) -> Result<Bytes, Failure> {
    to_bytes(body, MAX_BYTES).await.map_err(|_| Failure::PayloadTooLarge)
}

async fn read(headers: &HeaderMap, body: HttpBody) -> Result<Fields, Failure> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(Fields { path: String::new(), object: Map::new() });
    }
    if !is_json(headers) {
        return Err(Failure::UnsupportedMediaType);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(Fields { path: String::new(), object }),
        Ok(_) => Err(Failure::field("", "must be a JSON object")),
        Err(_) => Err(Failure::field("", "is not JSON")),
    }
}

/// Whether the content type is `application/json`, with or without parameters, or missing.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Whether a text has the form of a field's name: a letter, then at most 31 letters, digits, `_` or `-`.
fn is_field_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl Fields {
    /// A required text, not empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, Failure> {
        self.optional_text(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// An optional text. `null` and blank text count as absent.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.problem(name, "must be a string")),
        }
    }

    /// An optional text that `parse` must accept.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        problem: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        self.optional_text(name)?.map(|text| parse(text).ok_or_else(|| self.problem(name, problem))).transpose()
    }

    /// A required text that `parse` must accept.
    pub(super) fn required<T>(
        &self,
        name: &str,
        problem: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        self.optional(name, problem, parse)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// An optional object. An absent one has no fields.
    pub(super) fn object(&self, name: &str) -> Result<Fields, Failure> {
        let object = match self.object.get(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(object)) => object.clone(),
            Some(_) => return Err(self.problem(name, "must be an object")),
        };
        Ok(Fields { path: self.path_of(name), object })
    }

    /// Checks that every field is one of these, so that a misspelt field does not pass for a choice. Only a name that
    /// has the form of a field's is repeated in the answer: any other may be a value in the wrong place.
    pub(super) fn require_only(&self, known: &[&str]) -> Result<(), Failure> {
        let unknown: Vec<&String> = self.object.keys().filter(|name| !known.contains(&name.as_str())).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let named = unknown.iter().filter(|name| is_field_name(name)).take(MAX_PROBLEMS);
        let mut problems: Vec<_> = named
            .map(|name| FieldProblem { field: self.path_of(name), problem: "is not a field of this request" })
            .collect();
        if problems.is_empty() {
            let problem = "has a field that is not one of this request";
            problems.push(FieldProblem { field: self.path.clone(), problem });
        }
        Err(Failure::Invalid(problems))
    }

    /// The error for a problem with a field of this object.
    pub(super) fn problem(&self, name: &str, problem: &'static str) -> Failure {
        Failure::field(self.path_of(name), problem)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
