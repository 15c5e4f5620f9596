//! Access to the local routes, which need no token, and to the back end's routes: only programs on this machine, and
//! pages that it serves.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Passes a request from this machine on, or refuses it, whatever its path.
pub(crate) async fn from_this_machine(request: Request, next: Next) -> Response {
    if is_from_this_machine(request.headers()) {
        next.run(request).await
    } else {
        let message = "only requests to 127.0.0.1 or localhost are answered here, and none from a page of another site";
        (StatusCode::FORBIDDEN, Json(json!({"message": message}))).into_response()
    }
}

/// Whether a request names a loopback host and comes from no page of another site. The host is checked because a site
/// can point its own name at this machine and read the codes. The origin is checked because a foreign page could set
/// the clock without reading the answer.
pub(crate) fn is_from_this_machine(headers: &HeaderMap) -> bool {
    let from_us = headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(is_loopback)
    });
    is_loopback(host(headers)) && from_us
}

/// The `Host` header; empty if it is missing or unreadable.
pub(crate) fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Whether a host is a loopback name, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|loopback| name.eq_ignore_ascii_case(loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["127.0.0.1", "127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1:x",
            "::1",
            "me@localhost",
            "localhost, evil.example",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    fn passes(headers: &[(HeaderName, &[u8])]) -> bool {
        let value = |bytes| HeaderValue::from_bytes(bytes).unwrap();
        is_from_this_machine(&headers.iter().map(|(name, bytes)| (name.clone(), value(bytes))).collect())
    }

    #[test]
    fn a_missing_malformed_or_foreign_host_header_is_refused_t42() {
        assert!(passes(&[(header::HOST, b"localhost:3000")]));
        assert!(!passes(&[]));
        for host in [&b""[..], b"a b", b"\xff\xfe", b"127.0.0.1, evil.example", b"evil.example"] {
            assert!(!passes(&[(header::HOST, host)]), "{host:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        for (origin, expected) in [
            (&b"http://localhost:5173"[..], true),
            (b"http://127.0.0.1:3000", true),
            (b"https://evil.example", false),
            (b"http://localhost.evil.example", false),
            (b"null", false),
            (b"\xff", false),
        ] {
            let headers = [(header::HOST, &b"127.0.0.1:3000"[..]), (header::ORIGIN, origin)];
            assert_eq!(passes(&headers), expected, "{origin:?}");
        }
    }
}
