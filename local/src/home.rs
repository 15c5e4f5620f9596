//! `GET /`: what this server is and where to go from here, as text or, in a browser, as a page.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::delivery::messages::escaped;
use countersign::http::routes::{Access, routes};

use crate::loopback::host;
use crate::page::{self, wants_a_page};
use crate::site;
use crate::try_it;

const INTRODUCTION: [&str; 2] = [
    "The second factor for any application: its local server, for this machine alone.",
    "It sends no message. The inbox shows what it would send.",
];

/// The documents, in the folder of the source.
const DOCUMENTS: [(&str, &str); 3] =
    [("README.md", "A first walk"), ("docs/local.md", "This server"), ("docs/api.md", "Routes and errors")];

/// The paths of the local server's own routes that answer a GET.
const LOCAL: [(&str, &str); 3] = [
    ("/local/inbox", "The messages that would have been sent, with their codes"),
    ("/local/clock", "The clock; a POST sets it"),
    ("/local/issuer/.well-known/openid-configuration", "The issuer of the access tokens"),
];

/// The state of the route.
pub(crate) struct Home {
    /// The port of the server.
    pub(crate) port: u16,
    /// The command that prints a token.
    pub(crate) token: String,
    /// The command that runs the demo.
    pub(crate) demo: String,
    /// The command that calls a route as the back end.
    pub(crate) back_end: String,
}

/// `GET /`. A browser is led to `localhost`, where it allows passkeys. The cookie of "Try it" then is of the same host as the
/// page and the return URL.
pub(crate) async fn get(State(home): State<Arc<Home>>, headers: HeaderMap) -> Response {
    let is_browser = wants_a_page(&headers);
    if is_browser && host(&headers) == format!("127.0.0.1:{}", home.port) {
        let location = format!("{}/", site::origin(home.port));
        (StatusCode::TEMPORARY_REDIRECT, page::HEADERS, [(header::LOCATION, location)]).into_response()
    } else if is_browser {
        page::response_with_script("Countersign", &INTRODUCTION.join(" "), &home.content())
    } else {
        home.text(host(&headers)).into_response()
    }
}

impl Home {
    /// The commands, with their effects.
    fn commands(&self) -> [(&str, &str); 3] {
        [
            (&self.token, "Prints an access token"),
            (&self.demo, "Enrols your own authenticator app"),
            (&self.back_end, "Calls a route as your back end"),
        ]
    }

    fn text(&self, host: &str) -> String {
        let mut text = format!("Countersign\n{}\n\n", INTRODUCTION.join("\n"));
        for (path, subject) in LOCAL {
            let _ = writeln!(text, "{subject}:\n  http://{host}{path}");
        }
        text.push_str("\nIn the folder of the source:\n");
        for (command, effect) in self.commands() {
            let _ = writeln!(text, "  {command}\n      {effect}");
        }
        for (path, subject) in DOCUMENTS {
            let _ = writeln!(text, "  {path}\n      {subject}");
        }
        for (title, list) in routes_by_caller() {
            let _ = write!(text, "\n{title}:\n{list}");
        }
        text
    }

    fn content(&self) -> String {
        let mut content = format!(
            "<section class=try><div class=start><h2>Try it</h2><p>This server plays the application too. Enrol a factor for \
             a person, then sign in with it. The page opens in a window of its own. At its end you see what a back end \
             gets.</p>{form}<p>Or in a terminal, in the folder of the source:</p><pre>{demo}</pre><pre>{back_end}</pre></div>\
             <div><h2>Inbox</h2><div id=inbox aria-live=polite>No messages yet. A code that Countersign would send by SMS or \
             e-mail appears here.</div></div></section><section><h2>Here</h2>",
            form = try_it::form("demo", "countersign-try"),
            demo = escaped(&self.demo),
            back_end = escaped(&self.back_end),
        );
        for (path, subject) in LOCAL {
            let _ = write!(content, "<p>{subject}:<br><a href='{path}'>{path}</a></p>");
        }
        content.push_str("</section><section><h2>In the folder of the source</h2>");
        for (command, effect) in self.commands() {
            let _ = write!(content, "<p>{effect}:</p><pre>{}</pre>", escaped(command));
        }
        for (path, subject) in DOCUMENTS {
            let _ = write!(content, "<p>{subject}: <b>{path}</b></p>");
        }
        content.push_str("</section><section><h2>Routes</h2>");
        for (title, list) in routes_by_caller() {
            let _ = write!(content, "<p>{title}:</p><pre class=list tabindex=0>{list}</pre>");
        }
        content.push_str("</section>");
        content
    }
}

/// The functions' routes, a line each, by dialect and caller.
fn routes_by_caller() -> Vec<(String, String)> {
    let mut lists: Vec<(String, String)> = Vec::new();
    for route in routes() {
        let caller = match route.access {
            Access::User => "for a user, with an access token in the header authorization",
            Access::BackEnd => "for a back end, signed with AWS SigV4",
            Access::Hosted => "for a person in a hosted session, with the session's token",
            Access::Public => "for anyone, without an identity",
        };
        let title = format!("Dialect {}, {caller}", route.dialect.name);
        let line = format!("{:6} {}\n", route.method.as_str(), route.path);
        match lists.iter_mut().find(|(known, _)| *known == title) {
            Some((_, list)) => list.push_str(&line),
            None => lists.push((title, line)),
        }
    }
    lists
}
