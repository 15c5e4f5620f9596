//! The demo: enrols a person's own authenticator app over HTTP, in the terminal.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;

use countersign::http::qr;
use serde_json::{Value, json};
use ureq::Agent;

use crate::command_line::Person;
use crate::issuer::Issuer;

/// A person at a terminal, with a token.
struct Terminal {
    agent: Agent,
    url: String,
    token: String,
}

/// Enrols an app, and passes a check with it.
///
/// # Errors
/// When no server answers, or it refuses for good.
pub(crate) fn run(port: u16, data_dir: &Path, person: &Person) -> Result<(), Box<dyn Error>> {
    let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
    let token = Issuer::open(data_dir)?.token(person)?;
    let terminal = Terminal { agent, url: format!("http://127.0.0.1:{port}"), token };

    let (mut status, mut begun) = terminal.post("/v1/me/enrollments", &json!({"factorType": "totp"}))?;
    if begun.get("code").and_then(Value::as_str) == Some("presence_required") {
        say(&format!("{} has a factor already, so a new one needs a check.", person.user))?;
        let Some(code) = ask("A code of their app, or a recovery code (Enter to stop): ")? else { return Ok(()) };
        (status, begun) = terminal.post("/v1/me/enrollments", &json!({"factorType": "totp", "code": code}))?;
    }
    if status != 201 {
        return Err(refusal(&begun).into());
    }
    let (token, uri) = (text(&begun, "/enrollmentToken")?, text(&begun, "/totp/uri")?);
    let picture = qr::terminal(uri).map_err(|_| "the QR code could not be drawn")?;
    say(&format!("{picture}\n\nScan this with your authenticator app, or type in {}", text(&begun, "/totp/secret")?))?;

    let confirmed = loop {
        let Some(code) = ask("The code that it shows: ")? else { return Ok(()) };
        let body = json!({"enrollmentToken": token, "code": code});
        let (status, answer) = terminal.post("/v1/me/enrollments/confirm", &body)?;
        match (status, answer.get("remainingAttempts").and_then(Value::as_u64)) {
            (201, _) => break answer,
            (400, Some(0)) | (401..=599, _) => return Err(refusal(&answer).into()),
            (_, remaining) => {
                let left = remaining.map(|left| format!(" {left} tries are left.")).unwrap_or_default();
                say(&format!("{}{left}", refusal(&answer)))?;
            }
        }
    };
    say(&format!("{} has an authenticator app: {}.", person.user, text(&confirmed, "/factor/label")?))?;
    if let Some(codes) = confirmed.get("recoveryCodes").and_then(Value::as_array) {
        say("Recovery codes, shown this once; each passes one check:")?;
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
        let status = response.status().as_u16();
        Ok((status, response.body_mut().read_json().unwrap_or_default()))
    }
}

fn refusal(answer: &Value) -> String {
    let said = answer.get("detail").or_else(|| answer.get("message")).and_then(Value::as_str);
    said.unwrap_or("The server refused, and did not say why.").to_owned()
}

fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str, String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| format!("the server's answer has no {pointer}"))
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout().lock(), "{line}")?;
    Ok(())
}

/// An answer that is not empty, else `None`: also at the end of the input.
fn ask(question: &str) -> Result<Option<String>, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
}
