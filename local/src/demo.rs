//! The demo: enrols a person's own authenticator app over HTTP, in the terminal.

use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use countersign::qr;
use serde_json::{Value, json};
use ureq::Agent;

use crate::command_line::Person;
use crate::issuer::Issuer;

/// The limit for one request: a program other than Countersign may listen on the port and never answer.
const PATIENCE: Duration = Duration::from_secs(10);

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

    let (mut status, mut begun) = terminal.post("/v1/me/enrollments", &json!({"factorType": "totp"}))?;
    if begun.get("code").and_then(Value::as_str) == Some("step_up_required") {
        say(&format!("{} already has a factor, so a new one needs a check first.", person.user))?;
        let Some(code) = ask("A code from their app, or a recovery code (Enter to stop): ")? else { return Ok(()) };
        (status, begun) = terminal.post("/v1/me/enrollments", &json!({"factorType": "totp", "code": code}))?;
    }
    match status {
        201 => {}
        409 => {
            return Err(
                format!("{} already has an authenticator app: run the demo with another --user", person.user).into()
            );
        }
        _ => return Err(refusal(&begun).into()),
    }
    let (token, uri) = (text(&begun, "/enrollmentToken")?, text(&begun, "/totp/uri")?);
    let picture = qr::terminal(uri).map_err(|_| "the QR code could not be drawn")?;
    say(&format!(
        "{}\n\nScan this with your authenticator app, or type in {}",
        on_black(&picture),
        text(&begun, "/totp/secret")?
    ))?;

    let confirmed = loop {
        let Some(code) = ask("The code that the app shows: ")? else { return Ok(()) };
        let body = json!({"enrollmentToken": token, "code": code});
        let (status, answer) = terminal.post("/v1/me/enrollments/confirm", &body)?;
        match (status, answer.get("remainingAttempts").and_then(Value::as_u64)) {
            (201, _) => break answer,
            (400, Some(0)) => {
                return Err(format!("{} That was the last try: start the demo again", refusal(&answer)).into());
            }
            (400, Some(1)) => say(&format!("{} One try is left.", refusal(&answer)))?,
            (400, Some(left)) => say(&format!("{} {left} tries are left.", refusal(&answer)))?,
            (400, None) => say(&refusal(&answer))?,
            _ => return Err(refusal(&answer).into()),
        }
    };
    say(&format!("{} has an authenticator app: {}.", person.user, text(&confirmed, "/factor/label")?))?;
    if let Some(codes) = confirmed.get("recoveryCodes").and_then(Value::as_array) {
        say("Recovery codes, shown only now. Each passes one check:")?;
        for code in codes.iter().filter_map(Value::as_str) {
            say(&format!("  {code}"))?;
        }
    }
    loop {
        let Some(code) = ask("A check: the next code, or a recovery code (Enter to stop): ")? else { return Ok(()) };
        let (status, answer) = terminal.post("/v1/me/verify", &json!({"code": code}))?;
        if status == 200 {
            return say("Verified.");
        }
        say(&refusal(&answer))?;
    }
}

impl Terminal {
    fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Box<dyn Error>> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("authorization", &self.token);
        let mut response = request.send_json(body).map_err(|error| {
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

/// The person's answer; `None` if it is empty or the input has ended.
fn ask(question: &str) -> Result<Option<String>, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
}
