//! The pages of the local server: their style, their security policy, and the browsers that they are for.

use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

/// The pages' content security policy: they load nothing, run nothing, and can't be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

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
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
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
section pre{white-space:pre;overflow-x:auto;color:var(--ink);background:var(--ground);border-radius:6px;padding:.75rem 1rem}";

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
