//! The demo: enrols a person's own authenticator app over HTTP, in the terminal.

use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use countersign::keys::file::create_private;
use countersign::qr;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::command_line::Person;
use crate::issuer::Issuer;

/// The limit for one request: a program other than Countersign may listen on the port and never answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most rows of a QR code: the 24 of a terminal, without the line of the secret and the line of the question.
const QR_ROWS: usize = 22;

/// The HTTP client of a person at a terminal, with their token.
struct Terminal {
    agent: Agent,
    url: String,
    token: String,
}

/// Enrols an app, then checks codes until the person stops.
///
/// # Errors
/// No server answers, or it refuses the enrolment.
pub(crate) fn run(port: u16, data_dir: &Path, person: &Person) -> Result<(), Box<dyn Error>> {
    let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().new_agent();
    let token = Issuer::open(data_dir)?.token(person)?;
    let terminal = Terminal { agent, url: format!("http://127.0.0.1:{port}"), token };

    // The list tells whether there is an app: to find out by an enrolment would take a check.
    let (_, account) = terminal.get("/v1/me/factors")?;
    let factors = account.get("factors").and_then(Value::as_array).ok_or("the server's answer has no factors")?;
    if let Some(app) = factors.iter().find(|factor| factor.get("type").and_then(Value::as_str) == Some("totp")) {
        say(&format!("{} has an authenticator app already: {}.", person.user, text(app, "/label")?))?;
        say("To enrol one anew, run the demo with another --user.")?;
        return terminal.check();
    }
    let Some(begun) = terminal.begin(person, factors.is_empty())? else { return Ok(()) };
    let picture = show(&begun, data_dir)?;
    let Some(confirmed) = terminal.confirm(text(&begun, "/enrollmentToken")?)? else { return Ok(()) };
    drop(picture);
    say(&format!("{} has an authenticator app: {}.", person.user, text(&confirmed, "/factor/label")?))?;
    if let Some(codes) = confirmed.get("recoveryCodes").and_then(Value::as_array) {
        say("Recovery codes, shown only now. Each passes one check:")?;
        for code in codes.iter().filter_map(Value::as_str) {
            say(&format!("  {code}"))?;
        }
    }
    terminal.check()
}

impl Terminal {
    /// Begins the enrolment of an app; `None` if the person stops. An account with another factor needs a check first.
    fn begin(&self, person: &Person, is_first: bool) -> Result<Option<Value>, Box<dyn Error>> {
        let mut body = json!({"factorType": "totp"});
        if !is_first {
            say(&format!("{} has another factor, so an app needs a check first.", person.user))?;
        }
        loop {
            if !is_first {
                let Some(code) = ask("A recovery code (Ctrl-D to stop): ")? else { return Ok(None) };
                body = json!({"factorType": "totp", "code": code});
            }
            match self.post("/v1/me/enrollments", &body)? {
                (201, begun) => return Ok(Some(begun)),
                (400, answer) if !is_first => say(&refusal(&answer))?,
                (_, answer) => return Err(refusal(&answer).into()),
            }
        }
    }

    /// Confirms the enrolment with a code of the app; `None` if the person stops.
    fn confirm(&self, token: &str) -> Result<Option<Value>, Box<dyn Error>> {
        loop {
            let Some(code) = ask("The code that the app shows (Ctrl-D to stop): ")? else { return Ok(None) };
            let body = json!({"enrollmentToken": token, "code": code});
            let (status, answer) = self.post("/v1/me/enrollments/confirm", &body)?;
            match (status, answer.get("remainingAttempts").and_then(Value::as_u64)) {
                (201, _) => return Ok(Some(answer)),
                (400, Some(0)) => {
                    return Err(format!("{} That was the last try: start the demo again", refusal(&answer)).into());
                }
                (400, Some(1)) => say(&format!("{} One try is left.", refusal(&answer)))?,
                (400, Some(left)) => say(&format!("{} {left} tries are left.", refusal(&answer)))?,
                (400, None) => say(&refusal(&answer))?,
                _ => return Err(refusal(&answer).into()),
            }
        }
    }

    /// Checks codes until the person stops.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        while let Some(code) = ask("A check: the app's next code, or a recovery code (Ctrl-D to stop): ")? {
            let (status, answer) = self.post("/v1/me/verify", &json!({"code": code}))?;
            say(&if status == 200 { "Verified.".to_owned() } else { refusal(&answer) })?;
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<(u16, Value), Box<dyn Error>> {
        self.answer(self.agent.get(format!("{}{path}", self.url)).header("authorization", &self.token).call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Box<dyn Error>> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("authorization", &self.token);
        self.answer(request.send_json(body))
    }

    fn answer(&self, response: Result<Response<Body>, ureq::Error>) -> Result<(u16, Value), Box<dyn Error>> {
        let mut response = response.map_err(|error| {
            format!("no server answers at {} ({error}): start one with `cargo run` in another terminal", self.url)
        })?;
        match (response.status().as_u16(), response.body_mut().read_json::<Value>()) {
            (401, _) => {
                Err(format!("the server at {} uses another data folder: pass the same --data-dir", self.url).into())
            }
            (status, Ok(answer)) => Ok((status, answer)),
            (_, Err(_)) => Err(format!("the server at {} is not Countersign", self.url).into()),
        }
    }
}

/// A picture with a secret in it, deleted when it is dropped.
struct Picture(PathBuf);

impl Drop for Picture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Shows the QR code of an enrolment: in the terminal if it fits, else as a picture in the data folder.
fn show(begun: &Value, data_dir: &Path) -> Result<Option<Picture>, Box<dyn Error>> {
    let typed_in = format!("Scan it with your app, or type in {}", text(begun, "/totp/secret")?);
    if let Ok(drawn) = qr::terminal(&without_defaults(text(begun, "/totp/uri")?), QR_ROWS) {
        say(&format!("{}\n{typed_in}", on_black(&drawn)))?;
        return Ok(None);
    }
    let encoded = text(begun, "/totp/qrCode")?.split_once(',').map(|(_, encoded)| encoded);
    let png =
        encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()).ok_or("the server's QR code is no PNG")?;
    let picture = Picture(std::path::absolute(data_dir)?.join("demo.png"));
    let _ = std::fs::remove_file(&picture.0);
    create_private(&picture.0, &png)?;
    let path = picture.0.display();
    say(&format!("The QR code is too large for a terminal. Open its picture:\n  {path}\n  file://{path}\n{typed_in}"))?;
    Ok(Some(picture))
}

/// An `otpauth` URI without the parameters that every app assumes: a smaller QR code for the terminal.
fn without_defaults(uri: &str) -> String {
    let Some((label, query)) = uri.split_once('?') else { return uri.to_owned() };
    let is_needed = |pair: &&str| !["period=30", "digits=6", "algorithm=SHA1"].contains(pair);
    format!("{label}?{}", query.split('&').filter(is_needed).collect::<Vec<_>>().join("&"))
}

/// Colours a picture light on black, whatever the terminal's colours are.
fn on_black(picture: &str) -> String {
    if !io::stdout().is_terminal() {
        return picture.to_owned();
    }
    picture.lines().map(|line| format!("\u{1b}[97;40m{line}\u{1b}[0m")).collect::<Vec<_>>().join("\n")
}

fn refusal(answer: &Value) -> String {
    let said = answer.get("detail").or_else(|| answer.get("message")).and_then(Value::as_str);
    said.unwrap_or("The server refused the request and gave no reason.").to_owned()
}

fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str, String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| format!("the server's answer has no {pointer}"))
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout().lock(), "{line}")?;
    Ok(())
}

/// The person's answer; `None` at the end of the input. An empty line is asked again.
fn ask(question: &str) -> Result<Option<String>, Box<dyn Error>> {
    loop {
        let mut out = io::stdout().lock();
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            writeln!(out)?;
            return Ok(None);
        }
        let answer = line.trim();
        if !answer.is_empty() {
            return Ok(Some(answer.to_owned()));
        }
    }
}
