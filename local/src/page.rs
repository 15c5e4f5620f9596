//! The pages of the local server: their style, their security policy, and the browsers that they are for.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;

/// The pages' content security policy: they load nothing, run nothing, and can't be framed. Their forms go to this
/// server.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The script of the home page, which shows the inbox.
const SCRIPT: &str = include_str!("home.js");

/// The policy of the home page: its own script, and calls to this server, besides.
static POLICY_WITH_SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let digest = BASE64.encode(digest(&SHA256, SCRIPT.as_bytes()).as_ref());
    format!("{POLICY}; script-src 'sha256-{digest}'; connect-src 'self'")
});

/// The other headers of a page. The opener policy is that of `/page`, so that both can share a named window. The policy
/// `no-referrer` would make a browser send forms with the origin `null`.
pub(crate) const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// A page. `head` is added to its head; `introduction` stands below the title. Nothing here is escaped.
pub(crate) fn html(title: &str, head: &str, introduction: &str, content: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>{head}\
         <meta name=viewport content='width=device-width,initial-scale=1'><title>{title} · Countersign</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{introduction}</p>{content}</main></body></html>"
    )
}

/// The answer with a page.
pub(crate) fn response(page: String) -> Response {
    (HEADERS, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
}

/// The answer with the home page, which ends with its script.
pub(crate) fn response_with_script(title: &str, introduction: &str, content: &str) -> Response {
    let page = html(title, "", introduction, &format!("{content}<script type=module>{SCRIPT}</script>"));
    (HEADERS, [(header::CONTENT_SECURITY_POLICY, POLICY_WITH_SCRIPT.as_str())], Html(page)).into_response()
}

/// Whether the header `Accept` prefers HTML to JSON (RFC 9110, section 12.5.1). A client that accepts anything is a
/// program.
pub(crate) fn wants_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let weight = |wanted: &str| {
        let mut weight = 0.0;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            if parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) {
                weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            }
        }
        weight
    };
    weight("text/html") > weight("application/json")
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--paper:#fff;--ground:#f6f8fa;--mark:#0a6c74}\
@media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--line:#3d444d;--paper:#151b23;--ground:#0d1117;\
--mark:#4cc3cc}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:44rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.4rem;margin:0}\
main>p{color:var(--soft);margin:.25rem 0 1.5rem}ul{list-style:none;margin:0;padding:0}\
li,section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;\
margin-bottom:1rem}header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem;\
color:var(--soft);font-size:.9rem}i{font-style:normal;border:1px solid var(--line);border-radius:1em;\
padding:.1em .6em;margin-right:.2em}b{color:var(--ink);overflow-wrap:anywhere}a{color:var(--mark)}\
.code{font:600 2.25rem/1.2 ui-monospace,monospace;letter-spacing:.12em;color:var(--mark);margin:.6rem 0 .5rem;\
user-select:all}h2{font-size:1rem;margin:.5rem 0 0}section p{margin:.5rem 0}\
pre{font:.9rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;color:var(--soft);margin:.5rem 0 0}\
section>pre,.start>pre{color:var(--ink);background:var(--ground);border-radius:6px;\
padding:.75rem 1rem}section>.list{white-space:pre;overflow-x:auto}code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}.result h2:not(:first-child){margin-top:1.5rem}\
form{display:flex;flex-wrap:wrap;gap:.5rem;margin:.75rem 0 1rem}label{flex:1 0 100%;color:var(--soft);font-size:.9rem}\
input{display:block;box-sizing:border-box;width:100%;max-width:22rem;font:inherit;color:var(--ink);background:var(--paper);\
border:1px solid var(--soft);border-radius:8px;padding:.45rem .7rem;margin:.2rem 0 .25rem}\
button{font:inherit;font-weight:600;color:var(--paper);background:var(--mark);border:0;border-radius:8px;\
padding:.55rem 1.1rem;cursor:pointer}:is(a,button,input):focus-visible{outline:3px solid var(--mark);outline-offset:2px}\
.try{display:grid;grid-template-columns:minmax(0,1fr);gap:1.5rem 2rem}main:has(.try){max-width:64rem}\
@media(min-width:56rem){.try{grid-template-columns:repeat(2,minmax(0,1fr))}}\
.try li:nth-child(n+4){display:none}.try li{background:var(--ground);padding:.75rem 1rem;margin:.5rem 0}\
.try .code{margin:.4rem 0}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_a_page_and_programs_none() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, page) in [
            (Some(browser), true),
            (Some("Text/HTML"), true),
            (Some("application/json;q=0.5, text/html"), true),
            (Some("application/json, text/html;q=0.5"), false),
            (Some("application/json, text/plain, */*"), false),
            (Some("text/html;q=0"), false),
            (Some("*/*"), false),
            (Some(""), false),
            (None, false),
        ] {
            let headers = accept.map(|accept| (header::ACCEPT, accept.parse().unwrap())).into_iter().collect();
            assert_eq!(wants_a_page(&headers), page, "{accept:?}");
        }
    }
}
