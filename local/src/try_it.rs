//! "Try it": hosted sessions of a person in a browser. This server is the application's back end too. It creates the
//! session, compares the browser that comes back, redeems the code, and shows what a back end gets.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::clock::SystemRandomness;
use countersign::delivery::messages::escaped;
use countersign::domain::ids::UserId;
use countersign::domain::random;
use countersign::http::caller::Identity;
use countersign::http::edge::RequestId;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::loopback::host;
use crate::page;

/// The path to which the browser returns.
pub(crate) const RETURN_PATH: &str = "/local/try/return";

/// The name of the cookie with the id of the session that this browser began.
const COOKIE: &str = "countersign-try";

/// The most sessions that are remembered.
const MOST_BEGUN: usize = 32;

/// The largest answer of an API, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The purposes of a session, with their buttons.
const PURPOSES: [(&str, &str); 3] = [("enroll", "Enrol"), ("check", "Sign in"), ("manage", "Manage")];

/// The state of the routes.
pub(crate) struct TryIt {
    /// The API's routes without authorizers.
    api: Router,
    /// The URLs to which a session may return. Each has the path [`RETURN_PATH`].
    return_urls: Vec<String>,
    /// The newest sessions, as an application keeps them beside its own browser sessions.
    begun: Mutex<VecDeque<Begun>>,
}

/// A session that was created here.
#[derive(Clone)]
struct Begun {
    id: String,
    user: String,
}

/// An answer of the API.
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl TryIt {
    /// The demonstration with the routes of this API.
    pub(crate) fn new(api: Router, return_urls: Vec<String>) -> Self {
        Self { api, return_urls, begun: Mutex::default() }
    }

    /// Calls a route as the back end does. No authorizer is asked: the identity is given.
    async fn call(&self, user: &str, path: &str, body: &Value) -> Result<Answer, &'static str> {
        let request_id = random::bytes::<8>(&SystemRandomness).map_err(|_| "there are no random bytes")?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/v1/users/{}{path}", encoded(user)))
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Identity::BackEnd)
            .extension(RequestId(HEXLOWER.encode(&request_id)))
            .body(Body::from(body.to_string()));
        let request = request.map_err(|_| "the request is malformed")?;
        let Ok(response) = self.api.clone().oneshot(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), LARGEST_ANSWER).await.map_err(|_| "the answer is too long")?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    /// The URL to which the browser returns: at the host that it uses, because the cookie is of this host.
    fn return_url(&self, host: &str) -> &str {
        let at_host = format!("http://{host}{RETURN_PATH}");
        self.return_urls.iter().find(|url| **url == at_host).or(self.return_urls.first()).map_or("", String::as_str)
    }

    fn remember(&self, begun: Begun) {
        let mut list = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        list.truncate(MOST_BEGUN - 1);
        list.push_front(begun);
    }

    fn begun(&self, id: &str) -> Option<Begun> {
        let list = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().find(|begun| begun.id == id).cloned()
    }
}

/// `POST /local/try`: creates a session, and sends the browser to the page.
pub(crate) async fn begin(
    State(state): State<Arc<TryIt>>,
    headers: HeaderMap,
    form: Result<Form<HashMap<String, String>>, FormRejection>,
) -> Response {
    let field =
        |name: &str| form.as_ref().ok().and_then(|form| form.get(name)).map(|text| text.trim()).unwrap_or_default();
    let (user, purpose) = (field("name"), field("purpose"));
    if UserId::parse(user).is_none() {
        return failed(StatusCode::BAD_REQUEST, "demo", &format!("The name {}.", UserId::RULE));
    }
    let request = json!({"purpose": purpose, "returnUrl": state.return_url(host(&headers)), "accountName": user});
    let answer = match state.call(user, "/sessions", &request).await {
        Ok(answer) => answer,
        Err(problem) => return failed(StatusCode::INTERNAL_SERVER_ERROR, user, problem),
    };
    if answer.text("code") == "not_enrolled" {
        let introduction = format!("{} has no factor, so there is nothing to check.", escaped(user));
        let content = "<p>The API answers 404 <code>not_enrolled</code>. An application then refuses the sign-in, or lets \
                       the person enrol a first factor. Choose “Enrol”.</p>";
        return result(StatusCode::NOT_FOUND, "Not enrolled", &introduction, content, user);
    }
    let (id, token) = (answer.text("id"), answer.text("url").split_once('#').map(|(_, token)| token));
    let Some(token) = token.filter(|_| answer.status == StatusCode::CREATED) else {
        return failed(answer.status, user, answer.text("detail"));
    };
    state.remember(Begun { id: id.to_owned(), user: user.to_owned() });
    let cookie = format!("{COOKIE}={id}; Path=/local/try; HttpOnly; SameSite=Lax");
    // This server has the page too. At the host of the browser, the window stays the same one.
    let headers = [(header::LOCATION, format!("/page#{token}")), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, page::HEADERS, headers).into_response()
}

/// `GET /local/try/return`: redeems the code that the browser brings, and shows what the back end gets.
pub(crate) async fn finish(
    State(state): State<Arc<TryIt>>,
    headers: HeaderMap,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Response {
    let parameter = |name: &str| query.as_ref().ok().and_then(|query| query.get(name)).map(String::as_str);
    // The session must be the one that this browser began.
    let begun = cookie(&headers).filter(|id| parameter("session") == Some(id)).and_then(|id| state.begun(id));
    let Some(Begun { id, user }) = begun else {
        let introduction = "This browser did not begin that session, or the server was restarted since.";
        let content = "<p>An application must refuse this: somebody else may have sent the link. It compares the id in the \
                       address with the one that it keeps for this browser.</p>";
        return result(StatusCode::FORBIDDEN, "Refused", introduction, content, "demo");
    };
    let Some(code) = parameter("code") else {
        let introduction = format!("{} left the page before the end.", escaped(&user));
        let content = "<p>The browser brought no code, so the back end signs nobody in.</p>";
        return result(StatusCode::OK, "Canceled", &introduction, content, &user);
    };
    let path = format!("/sessions/{id}/redeem");
    let answer = match state.call(&user, &path, &json!({"code": code})).await {
        Ok(answer) => answer,
        Err(problem) => return failed(StatusCode::INTERNAL_SERVER_ERROR, &user, problem),
    };
    let (title, sentence) = match answer.text("status") {
        "passed" => ("Passed", "passed the check. An application now completes the sign-in."),
        "enrolled" => ("Enrolled", "has enrolled a factor. Choose “Sign in” to see a check."),
        "managed" => ("Managed", "is finished with the list of factors."),
        _ => {
            let problem = format!("{} A code is redeemed once, within two minutes.", answer.text("detail"));
            return failed(answer.status, &user, &problem);
        }
    };
    let mut content = format!(
        "<h2>What the back end got</h2><p><code>POST /v1/users/{user}{path}</code> with the code that the browser brought \
         answered 200:</p><pre>{reply}</pre>",
        user = escaped(&encoded(&user)),
        path = escaped(&path),
        reply = escaped(&reply(&answer.body)),
    );
    if let Some(claims) = claims(answer.text("receipt")) {
        let _ = write!(
            content,
            "<h2>The claims of the receipt</h2><pre>{}</pre><p>Any service can check its signature with the <a \
             href='/.well-known/jwks.json'>public keys</a>: <b>docs/receipts.md</b>.</p>",
            escaped(&claims),
        );
    }
    result(StatusCode::OK, title, &format!("{} {sentence}", escaped(&user)), &content, &user)
}

/// The form with a button for each purpose. `target` names the window in which the page opens.
pub(crate) fn form(user: &str, target: &str) -> String {
    let target = if target.is_empty() { String::new() } else { format!(" target={target}") };
    let mut form = format!(
        "<form method=post action='/local/try'{target}><label>Name<input name=name value=\"{}\" maxlength=128 required \
         autocomplete=off autocapitalize=none spellcheck=false></label>",
        escaped(user)
    );
    for (purpose, label) in PURPOSES {
        let _ = write!(form, "<button name=purpose value={purpose}>{label}</button>");
    }
    form + "</form>"
}

/// A page with a result, and with the form to go on.
fn result(status: StatusCode, title: &str, introduction: &str, content: &str, user: &str) -> Response {
    let content = format!(
        "<section class=result>{content}</section><section><h2>Go on</h2>{form}<p><a href='/'>Back to the start</a></p>\
         </section>",
        form = form(user, ""),
    );
    (status, page::response(page::html(title, "", introduction, &content))).into_response()
}

fn failed(status: StatusCode, user: &str, problem: &str) -> Response {
    let content = format!("<p>{}</p>", escaped(problem));
    result(status, "That did not work", "No session was begun or redeemed.", &content, user)
}

/// The id in this browser's cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split("; ")).find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='))
}

/// A user id for a path, percent-encoded.
fn encoded(user: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    user.bytes().map(byte).collect()
}

/// The reply of a redemption, in the order of the API. The receipt is cut: its claims follow.
fn reply(body: &Value) -> String {
    let fields = ["status", "factorId", "amr", "acr", "transaction", "receipt"].into_iter().filter_map(|name| {
        let value = body.get(name)?;
        let shown = match value.as_str() {
            Some(receipt) if name == "receipt" => format!("\"{}…\"", receipt.chars().take(24).collect::<String>()),
            _ => value.to_string(),
        };
        Some(format!("  \"{name}\": {shown}"))
    });
    format!("{{\n{}\n}}", fields.collect::<Vec<_>>().join(",\n"))
}

/// The claims of a JWT that this server signed.
fn claims(token: &str) -> Option<String> {
    let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    serde_json::to_string_pretty(&serde_json::from_slice::<Value>(&claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_becomes_markup() {
        let form = form("\"><script>", "");
        assert!(!form.contains("<script") && form.contains("&quot;&gt;&lt;script&gt;"), "{form}");
    }

    #[test]
    fn a_browser_returns_to_the_host_that_it_uses() {
        let urls = ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:3000{RETURN_PATH}"));
        let state = TryIt::new(Router::new(), urls.to_vec());
        assert_eq!(state.return_url("localhost:3000"), urls[1]);
        for host in ["127.0.0.1:3000", "localhost:8080", "[::1]:3000", ""] {
            assert_eq!(state.return_url(host), urls[0], "{host}");
        }
    }

    #[test]
    fn only_the_newest_sessions_are_remembered() {
        let state = TryIt::new(Router::new(), Vec::new());
        for id in 0..100 {
            state.remember(Begun { id: id.to_string(), user: "demo".to_owned() });
        }
        assert!(state.begun("99").is_some() && state.begun("68").is_some() && state.begun("67").is_none());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let of =
            |text: &str| cookie(&[(header::COOKIE, text.parse().unwrap())].into_iter().collect()).map(str::to_owned);
        assert_eq!(of("a=b; countersign-try=1; c=d"), Some("1".to_owned()));
        assert_eq!(of("countersign-try2=1; a=countersign-try=1"), None);
    }
}
