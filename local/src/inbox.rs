//! The inbox: the messages that would have been sent, as JSON or as a page for a browser.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::delivery::Channel;
use countersign::delivery::messages::escaped;
use countersign::delivery::outbox::{Delivered, Outbox};
use countersign::domain::time::Timestamp;
use serde_json::json;

use crate::loopback::host;
use crate::page::{self, wants_a_page};

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
    let mut response = if wants_a_page(&headers) {
        page::response(page(&messages, host(&headers), &inbox.token_command))
    } else {
        Json(messages).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn page(messages: &[Delivered], host: &str, token_command: &str) -> String {
    let content = if messages.is_empty() {
        EMPTY.replace("{host}", &escaped(host)).replace("{token}", &escaped(token_command))
    } else {
        format!("<ul>{}</ul>", messages.iter().map(item).collect::<String>())
    };
    let introduction = "What Countersign would have sent, newest first. It looks again every three seconds.";
    page::html("Inbox", "<meta http-equiv=refresh content=3>", introduction, &content)
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
}
