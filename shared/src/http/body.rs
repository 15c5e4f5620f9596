//! Request bodies: a JSON object of at most [`MAX_BYTES`], whose fields are read by name. A problem contains the
//! field's path and never its value.

use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::failure::Failure;
use crate::flows::Service;

/// The largest accepted body, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

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

    /// Refuses a field that is not supported, so that its sender does not rely on it.
    pub(super) fn unsupported(&self, name: &str) -> Result<(), Failure> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(self.problem(name, "is not supported yet")),
        }
    }

    /// The error for a problem with a field of this object.
    pub(super) fn problem(&self, name: &str, problem: &'static str) -> Failure {
        Failure::field(self.path_of(name), problem)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
