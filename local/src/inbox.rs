//! The inbox: the messages that would have been sent, as JSON, or as a page in a browser.

use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use countersign::delivery::Channel;
use countersign::delivery::outbox::{Delivered, Outbox};
use serde_json::json;

/// The page loads nothing, runs nothing, and can't be put into a frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// `GET /local/inbox`
pub(crate) async fn get(State(outbox): State<Arc<Outbox>>, headers: HeaderMap) -> Response {
    let messages = match outbox.list().await {
        Ok(messages) => messages,
        Err(error) => {
            let body = Json(json!({"message": error.to_string()}));
            return (StatusCode::INTERNAL_SERVER_ERROR, body).into_response();
        }
    };
    let no_store = (header::CACHE_CONTROL, "no-store");
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        ([no_store, (header::CONTENT_SECURITY_POLICY, POLICY)], Html(page(&messages))).into_response()
    } else {
        ([no_store], Json(messages)).into_response()
    }
}

fn page(messages: &[Delivered]) -> String {
    let mut list = String::new();
    for message in messages {
        let channel = match message.channel {
            Channel::Sms => "SMS",
            Channel::Email => "E-mail",
        };
        let subject = message.subject.as_deref().map(|subject| format!("<h3>{}</h3>", escaped(subject)));
        let _ = write!(
            list,
            "<li><header><span>{channel} to <b>{to}</b></span><time>{at}</time></header>\
             <p class=code>{code}</p>{subject}<pre>{text}</pre></li>",
            to = escaped(&message.to),
            at = escaped(&countersign::domain::time::Timestamp::from_unix(message.sent_at).to_string()),
            code = escaped(&message.code),
            subject = subject.unwrap_or_default(),
            text = escaped(&message.text),
        );
    }
    let content = if list.is_empty() { EMPTY.to_owned() } else { format!("<ul>{list}</ul>") };
    format!("{HEAD}{content}</main></body></html>")
}

/// Text as it is safe between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const EMPTY: &str = "<section><p class=code>No messages yet</p><p>A code that Countersign would send by SMS or e-mail \
    appears here. To cause one, in a second terminal:</p><pre>curl http://127.0.0.1:3000/v1/me/enrollments \\
  -H \"authorization: $(cargo run -q -- token --user alice)\" \\
  -H 'content-type: application/json' \\
  -d '{\"factorType\":\"email\",\"email\":\"alice@example.com\"}'</pre></section>";

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8><meta http-equiv=refresh content=3>\
<meta name=viewport content='width=device-width'><title>Inbox · Countersign</title><style>\
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--paper:#fff;--ground:#f6f8fa;--mark:#0a6c74}\
@media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--line:#3d444d;--paper:#151b23;--ground:#0d1117;\
--mark:#4cc3cc}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:44rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.4rem;margin:0}\
main>p{color:var(--soft);margin:.25rem 0 1.5rem}ul{list-style:none;margin:0;padding:0}\
li,section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;\
margin-bottom:1rem}header{display:flex;justify-content:space-between;gap:1rem;color:var(--soft);font-size:.9rem}\
b{color:var(--ink)}.code{font:600 2rem/1.2 ui-monospace,monospace;letter-spacing:.12em;color:var(--mark);\
margin:.5rem 0}section .code{letter-spacing:0;font-size:1.4rem}h3{font-size:1rem;margin:.5rem 0 0}\
pre{font:.9rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;color:var(--soft);margin:.5rem 0 0}\
</style></head><body><main><h1>Inbox</h1><p>What Countersign would have sent, newest first. It looks again every three \
seconds.</p>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_becomes_markup() {
        let message = Delivered {
            id: "1".to_owned(),
            channel: Channel::Email,
            to: "<script>@example.com".to_owned(),
            subject: Some("a & b".to_owned()),
            text: "\"<b>\"".to_owned(),
            code: "123456".to_owned(),
            sent_at: 1_800_000_000,
        };
        let page = page(&[message]);
        assert!(!page.contains("<script") && page.contains("a &amp; b") && page.contains("&quot;&lt;b&gt;&quot;"));
        assert!(page.contains("123456") && page.contains("2027-01-15T08:00:00Z"));
    }
}
