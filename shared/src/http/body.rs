//! Request bodies: a JSON object of at most [`MAX_BYTES`], or [`MAX_PHOTO_BYTES`] with a photo, whose fields are read by
//! name. A problem contains the field's path and never its value.

use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::failure::{Failure, FieldProblem};
use crate::flows::Service;
use crate::json::{self, JsonError, is_name};

/// The largest accepted body, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The largest accepted body of a route that takes photos, if faces are on, in bytes.
pub const MAX_PHOTO_BYTES: usize = 3_000_000;

/// A mark on the requests of routes that take photos.
#[derive(Clone, Copy)]
pub(super) struct TakesPhotos;

/// The most problems in one answer.
const MAX_PROBLEMS: usize = 10;

/// The fields of a body, or of an object in it. An empty body has no fields.
pub(super) struct Fields {
    path: String,
    object: Map<String, Value>,
}

impl FromRequest<Arc<Service>> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let takes_photos = service.faces().is_some() && parts.extensions.get::<TakesPhotos>().is_some();
        read(&parts.headers, body, if takes_photos { MAX_PHOTO_BYTES } else { MAX_BYTES }).await
    }
}

/// The body of a route that needs none. It is read up to the same limit, whatever its type, and dropped.
pub(super) struct Ignored;

impl FromRequest<Arc<Service>> for Ignored {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<Service>) -> Result<Self, Failure> {
        bytes(request.into_body(), MAX_BYTES).await?;
        Ok(Self)
    }
}

async fn bytes(body: HttpBody, most: usize) -> Result<Bytes, Failure> {
    to_bytes(body, most).await.map_err(|_| Failure::PayloadTooLarge(most))
}

async fn read(headers: &HeaderMap, body: HttpBody, most: usize) -> Result<Fields, Failure> {
    let bytes = bytes(body, most).await?;
    if bytes.is_empty() {
        return Ok(Fields { path: String::new(), object: Map::new() });
    }
    if !is_json(headers) {
        return Err(Failure::UnsupportedMediaType);
    }
    match json::parse(&bytes) {
        Ok(Value::Object(object)) => Ok(Fields { path: String::new(), object }),
        Ok(_) => Err(Failure::field("", "must be a JSON object")),
        Err(JsonError::Syntax) => Err(Failure::field("", "is not JSON")),
        Err(JsonError::TooManyValues) => Err(Failure::field("", "has too many values")),
        // A path of other words may be a value in the wrong place.
        Err(JsonError::Repeated(path)) => {
            let path = if path.split('.').all(is_name) { path } else { String::new() };
            Err(Failure::field(path, "has a field twice"))
        }
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

    /// An optional object.
    pub(super) fn optional_object(&self, name: &str) -> Result<Option<Fields>, Failure> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Fields { path: self.path_of(name), object: object.clone() })),
            Some(_) => Err(self.problem(name, "must be an object")),
        }
    }

    /// An optional object. An absent one has no fields.
    pub(super) fn object(&self, name: &str) -> Result<Fields, Failure> {
        let absent = || Fields { path: self.path_of(name), object: Map::new() };
        Ok(self.optional_object(name)?.unwrap_or_else(absent))
    }

    /// The object as JSON.
    pub(super) fn into_json(self) -> Value {
        Value::Object(self.object)
    }

    /// Whether it has a field of this name that is not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// Its fields.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.object.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// An optional list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Failure> {
        let texts = match self.object.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect::<Option<_>>(),
            Some(_) => None,
        };
        texts.map(Some).ok_or_else(|| self.problem(name, "must be a list of strings"))
    }

    /// An optional boolean. An absent one is `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.problem(name, "must be true or false")),
        }
    }

    /// An optional whole number, 0 or more.
    pub(super) fn optional_integer(&self, name: &str, problem: &'static str) -> Result<Option<u64>, Failure> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(number) => number.as_u64().map(Some).ok_or_else(|| self.problem(name, problem)),
        }
    }

    /// Checks that every field is one of these, so that a misspelt field does not pass for a choice. Only a name that
    /// has the form of a field's is repeated in the answer: any other may be a value in the wrong place.
    pub(super) fn require_only(&self, known: &[&str]) -> Result<(), Failure> {
        let unknown: Vec<&String> = self.object.keys().filter(|name| !known.contains(&name.as_str())).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let named = unknown.iter().filter(|name| is_name(name)).take(MAX_PROBLEMS);
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
