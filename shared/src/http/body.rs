//! Bodies: read whole, up to a limit, as a JSON object whose fields are asked for by name. What is wrong with a field is
//! said with its path, never with its value.

use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::edge::Failure;
use crate::domain::error::Error;
use crate::flows::App;

/// The largest body that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The fields of a body, or of an object in one. No body at all has no fields.
pub(super) struct Fields {
    path: String,
    object: Map<String, Value>,
}

impl FromRequest<Arc<App>> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(read(&parts.headers, body).await?)
    }
}

/// The body of a route that asks for none: read up to the same limit, of any type, and forgotten.
pub(super) struct Ignored;

impl FromRequest<Arc<App>> for Ignored {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Failure> {
        bytes(request.into_body()).await?;
        Ok(Self)
    }
}

async fn bytes(body: HttpBody) -> Result<Bytes, Error> {
    to_bytes(body, MAX_BYTES).await.map_err(|_| Error::PayloadTooLarge)
}

async fn read(headers: &HeaderMap, body: HttpBody) -> Result<Fields, Error> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(Fields { path: String::new(), object: Map::new() });
    }
    if !is_json(headers) {
        return Err(Error::UnsupportedMediaType);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(Fields { path: String::new(), object }),
        Ok(_) => Err(Error::field("", "must be a JSON object")),
        Err(_) => Err(Error::field("", "is not JSON")),
    }
}

/// `application/json`, with or without parameters, or no type at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

impl Fields {
    /// A text that must be there, and not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, Error> {
        self.optional_text(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// A text that may be absent, `null` or empty.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.problem(name, "must be a string")),
        }
    }

    /// A text that `parse` understands, if it is there.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        problem: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.optional_text(name)?.map(|text| parse(text).ok_or_else(|| self.problem(name, problem))).transpose()
    }

    /// A text that `parse` understands.
    pub(super) fn required<T>(
        &self,
        name: &str,
        problem: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Error> {
        self.optional(name, problem, parse)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// An object that may be absent; then it has no fields.
    pub(super) fn object(&self, name: &str) -> Result<Fields, Error> {
        let object = match self.object.get(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(object)) => object.clone(),
            Some(_) => return Err(self.problem(name, "must be an object")),
        };
        Ok(Fields { path: self.path_of(name), object })
    }

    /// Refuses a field that would be ignored where its sender relies on it.
    pub(super) fn unsupported(&self, name: &str) -> Result<(), Error> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(self.problem(name, "is not supported yet")),
        }
    }

    /// A problem with a field.
    pub(super) fn problem(&self, name: &str, problem: &'static str) -> Error {
        Error::field(self.path_of(name), problem)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
