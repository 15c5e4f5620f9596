//! The inbox: the messages that would have been sent, as JSON or as a page for a browser.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use countersign::delivery::Channel;
use countersign::delivery::messages::escaped;
use countersign::delivery::outbox::{Delivered, Outbox};
use countersign::domain::time::Timestamp;
use serde_json::json;

use crate::loopback::host;

/// The page's content security policy: it loads nothing, runs nothing, and can't be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// The state of the inbox's route.
pub(crate) struct Inbox {
    /// The messages that would have been sent.
    pub(crate) outbox: Arc<Outbox>,
    /// The command that prints a token, shown while there is no message.
    pub(crate) token_command: String,
}

/// `GET /local/inbox`
pub(crate) async fn get(State(inbox): State<Arc<Inbox>>, headers: HeaderMap) -> Response {
    let messages = match inbox.outbox.list().await {
        Ok(messages) => messages,
        Err(error) => {
            let body = Json(json!({"message": error.to_string()}));
            return (StatusCode::INTERNAL_SERVER_ERROR, body).into_response();
        }
    };
    let mut response = if wants_a_page(headers.get(header::ACCEPT).and_then(|value| value.to_str().ok())) {
        let page = page(&messages, host(&headers), &inbox.token_command);
        ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
    } else {
        Json(messages).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether the header `Accept` prefers HTML to JSON (RFC 9110, section 12.5.1). A client that accepts anything gets
/// JSON.
fn wants_a_page(accept: Option<&str>) -> bool {
    let weight = |wanted: &str| {
        let mut weight = 0.0;
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            if parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) {
                weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            }
        }
        weight
    };
    weight("text/html") > weight("application/json")
}

fn page(messages: &[Delivered], host: &str, token_command: &str) -> String {
    let content = if messages.is_empty() {
        EMPTY.replace("{host}", &escaped(host)).replace("{token}", &escaped(token_command))
    } else {
        format!("<ul>{}</ul>", messages.iter().map(item).collect::<String>())
    };
    format!("{HEAD}{content}</main></body></html>")
}

fn item(message: &Delivered) -> String {
    let channel = match message.channel {
        Channel::Sms => "SMS",
        Channel::Email => "E-mail",
    };
    let at = Timestamp::from_unix(message.sent_at).to_string();
    let code = match message.code.as_str() {
        // A message without a code.
        "" => String::new(),
        code => format!("<p class=code>{}</p>", escaped(code)),
    };
    let subject = message.subject.as_deref().map(|subject| format!("<h2>{}</h2>", escaped(subject)));
    format!(
        "<li><header><span><i>{channel}</i> to <b>{to}</b></span><time datetime=\"{at}\">{shown}</time></header>\
         {code}{subject}<pre>{text}</pre></li>",
        to = escaped(&message.to),
        shown = at.replace('T', " ").replace('Z', " UTC"),
        subject = subject.unwrap_or_default(),
        text = escaped(message.text.trim_end()),
    )
}

const EMPTY: &str = "<section><h2>No messages yet</h2><p>A code that Countersign would send by SMS or e-mail appears \
    here. To cause one, in a second terminal:</p><pre>curl http://{host}/v1/me/enrollments \\
  -H \"authorization: $({token})\" \\
  -H 'content-type: application/json' \\
  -d '{\"factorType\":\"email\",\"email\":\"carol@example.com\"}'</pre></section>";

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8><meta http-equiv=refresh content=3>\
<meta name=viewport content='width=device-width,initial-scale=1'><title>Inbox · Countersign</title><style>\
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--paper:#fff;--ground:#f6f8fa;--mark:#0a6c74}\
@media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--line:#3d444d;--paper:#151b23;--ground:#0d1117;\
--mark:#4cc3cc}}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:44rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.4rem;margin:0}\
main>p{color:var(--soft);margin:.25rem 0 1.5rem}ul{list-style:none;margin:0;padding:0}\
li,section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;\
margin-bottom:1rem}header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem;\
color:var(--soft);font-size:.9rem}i{font-style:normal;border:1px solid var(--line);border-radius:1em;\
padding:.1em .6em;margin-right:.2em}b{color:var(--ink);overflow-wrap:anywhere}\
.code{font:600 2.25rem/1.2 ui-monospace,monospace;letter-spacing:.12em;color:var(--mark);margin:.6rem 0 .5rem;\
user-select:all}h2{font-size:1rem;margin:.5rem 0 0}section p{margin:.5rem 0}\
pre{font:.9rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;color:var(--soft);margin:.5rem 0 0}\
section pre{white-space:pre;overflow-x:auto;color:var(--ink);background:var(--ground);border-radius:6px;padding:.75rem 1rem}\
</style></head><body><main><h1>Inbox</h1><p>What Countersign would have sent, newest first. It looks again every three \
seconds.</p>";

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: &str) -> Delivered {
        Delivered {
            id: "1".to_owned(),
            channel: Channel::Email,
            to: "<script>@example.com".to_owned(),
            subject: Some("a & b".to_owned()),
            text: "\"<b>\"".to_owned(),
            code: code.to_owned(),
            sent_at: 1_800_000_000,
        }
    }

    #[test]
    fn nothing_in_a_message_becomes_markup() {
        let page = page(&[message("123456")], "", "");
        assert!(!page.contains("<script") && page.contains("a &amp; b") && page.contains("&quot;&lt;b&gt;&quot;"));
        assert!(page.contains("<p class=code>123456") && page.contains("2027-01-15 08:00:00 UTC"));
        assert!(!super::page(&[message("")], "", "").contains("<p class=code>"));
    }

    #[test]
    fn an_empty_inbox_says_how_to_cause_a_message() {
        let page = page(&[], "127.0.0.1:3000", "token --data-dir '<here>'");
        assert!(page.contains("curl http://127.0.0.1:3000/v1/me/enrollments"));
        assert!(page.contains("$(token --data-dir &#39;&lt;here&gt;&#39;)"));
    }

    #[test]
    fn browsers_get_a_page_and_programs_json() {
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
            assert_eq!(wants_a_page(accept), page, "{accept:?}");
        }
    }
}
