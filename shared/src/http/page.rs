//! The page of hosted sessions: one static document, with its style, its script and its texts, that calls the routes
//! `/v1/session`. The session's token is in the address's fragment, which no browser sends: this route learns nothing of
//! the session, and reads nothing. `build.rs` assembles the document from the folder `page`.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use data_encoding::BASE64;

use super::dialect::Dialect;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use crate::domain::error::Error;
use crate::flows::Service;

static DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/page.html"));
static GZIP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));
static BROTLI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.br"));

/// The headers that are always the same.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    (header::VARY, HeaderValue::from_static("accept-encoding")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// The document's style and script as sources of its policy.
static SOURCES: LazyLock<Option<[String; 2]>> = LazyLock::new(|| {
    let style = source(between("<style>", "</style>")?);
    Some([style, source(between(r#"<script type="module">"#, "</script>")?)])
});

/// The policy (CSP Level 3, and Trusted Types): only the document's own style and script, calls to this API alone, the
/// operator's logo, and pictures that are part of the document, such as a QR code. No text ever becomes HTML or script.
fn policy(logo: Option<&str>) -> Option<HeaderValue> {
    let [style, script] = SOURCES.as_ref()?;
    let pictures = logo.map_or_else(|| "data:".to_owned(), |logo| format!("data: {logo}"));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src {pictures}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    );
    HeaderValue::try_from(policy).ok()
}

/// The route of the page, in the dialect of what is public.
pub(super) fn route(dialect: &'static Dialect) -> Route {
    Route::new(Function::Page, dialect, Method::Get, "/page", page).for_anyone()
}

async fn page(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<impl IntoResponse, Failure> {
    // A document without its policy must not be served.
    let policy = policy(service.settings().brand.logo.as_deref()).ok_or(Error::Internal("the page has no policy"))?;
    let (encoding, body) = match Encoding::accepted(&headers) {
        Encoding::Brotli => (Some("br"), BROTLI),
        Encoding::Gzip => (Some("gzip"), GZIP),
        Encoding::Identity => (None, DOCUMENT.as_bytes()),
    };
    let encoding = encoding.map(|name| [(header::CONTENT_ENCODING, HeaderValue::from_static(name))]);
    Ok((HEADERS, [(header::CONTENT_SECURITY_POLICY, policy)], encoding, body))
}

/// The part of the document between two tags.
fn between(open: &str, close: &str) -> Option<&'static str> {
    let (_, rest) = DOCUMENT.split_once(open)?;
    rest.split_once(close).map(|(part, _)| part)
}

/// An inline style or script as a source of the policy (CSP Level 3, section 2.3.1): its SHA-256.
fn source(part: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(digest(&SHA256, part.as_bytes()).as_ref()))
}

/// An encoding of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The smallest encoding that the header `Accept-Encoding` accepts (RFC 9110, section 12.5.3).
    fn accepted(headers: &HeaderMap) -> Self {
        let accepted: Vec<(&str, bool)> = headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|coding| {
                let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
                let weight = weight.trim().strip_prefix(['q', 'Q']).and_then(|weight| weight.strip_prefix('='));
                (name.trim(), weight.and_then(|weight| weight.parse().ok()).is_some_and(|weight: f32| weight > 0.0))
            })
            .collect();
        let accepts = |wanted: &str| {
            let named = accepted.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.or_else(|| accepted.iter().find(|(name, _)| *name == "*")).is_some_and(|(_, accepted)| *accepted)
        };
        if accepts("br") {
            Self::Brotli
        } else if accepts("gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_encoding_that_a_browser_accepts_is_sent() {
        use Encoding::{Brotli, Gzip, Identity};
        for (accepted, encoding) in [
            (vec!["gzip, deflate, br, zstd"], Brotli),
            (vec!["gzip", "BR"], Brotli),
            (vec!["br;q=0.1, gzip;q=1.0"], Brotli),
            (vec!["gzip, deflate"], Gzip),
            (vec!["br;q=0, gzip"], Gzip),
            (vec!["br; q=0.000, *"], Gzip),
            (vec!["*"], Brotli),
            (vec!["*;q=0"], Identity),
            (vec!["gzip;q=0, identity"], Identity),
            (vec!["brotli, x-gzip"], Identity),
            (vec!["br;q=x"], Identity),
            (vec![""], Identity),
            (vec![], Identity),
        ] {
            let headers = accepted.iter().map(|value| (header::ACCEPT_ENCODING, value.parse().unwrap())).collect();
            assert_eq!(Encoding::accepted(&headers), encoding, "{accepted:?}");
        }
    }
}
