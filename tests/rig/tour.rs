//! A walk through every flow in every dialect, failures included. It collects all values that were issued, sent or
//! given, for tests that check where these must not appear.

use std::collections::BTreeSet;

use axum::body::Body;
use countersign::http::RECEIPT;
use countersign::http::caller::Identity;
use countersign::http::edge::RequestId;
use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

use super::{Client, Reply, World};

mod others;
mod own;

/// The settings of a world for the walk.
pub const SETTINGS: &[(&str, &str)] =
    &[("RECEIPT_ISSUER", "https://countersign.example"), ("FACES", "on"), ("PHOTO_HOSTS", "photos.example.com")];

/// Fields of requests and replies with values that only the caller may see.
const SECRET_FIELDS: [&str; 26] = [
    "photo",
    "next",
    "url",
    "amount",
    "iban",
    "payee",
    "receipt",
    "enrollmentToken",
    "verificationId",
    "challengeId",
    "secret",
    "uri",
    "qrCode",
    "secretQrCode",
    "qrCodeUri",
    "qrCodeDataUrl",
    "otpAuthURL",
    "qrCodeImage",
    "recoveryCode",
    "recoveryCodes",
    "data",
    "totp",
    "passCode",
    "phoneNumber",
    "email",
    "code",
];

/// The shortest text that is searched for, in characters: shorter ones occur by chance.
const MIN_LENGTH: usize = 6;

pub struct Visit {
    pub request_id: String,
    pub status: u16,
}

/// The results of the walk.
pub struct Tour {
    pub world: World,
    pub visits: Vec<Visit>,
    secrets: BTreeSet<String>,
    personal: BTreeSet<String>,
}

impl Tour {
    /// A walk that has not begun.
    pub fn new(world: &World) -> Self {
        Self { world: world.clone(), visits: Vec::new(), secrets: BTreeSet::new(), personal: BTreeSet::new() }
    }

    /// Walks through every flow in every dialect.
    pub async fn of_every_flow(world: &World) -> Self {
        let mut tour = Self::new(world);
        own::native(&mut tour).await;
        own::back_end(&mut tour).await;
        others::genauth(&mut tour).await;
        others::logto(&mut tour).await;
        others::profile(&mut tour).await;
        tour
    }

    /// A user whose token has many personal claims.
    pub fn visitor(&mut self, user: &str) -> Client {
        let email = format!("{user}@claimed.example");
        let name = format!("Specimen of {user}");
        let token = format!("access-token-of-{user}");
        let claims = [
            ("iss", "https://issuer.example"),
            ("client_id", "app"),
            ("sub", user),
            ("sid", &format!("session-of-{user}")),
            ("name", &name),
            ("email", &email),
            ("phone_number", "+447400123456"),
        ];
        self.personal.extend(claims.iter().skip(2).map(|(_, value)| (*value).to_owned()));
        self.personal.insert(token.clone());
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Client::new(&self.world, Some(Identity::user(claims, &format!("Bearer {token}"))))
    }

    /// The back end, for a user whose id is an address.
    pub fn back_end(&mut self, user: &str) -> Client {
        self.personal.insert(user.to_owned());
        self.world.back_end(user)
    }

    /// The person whose browser was sent to this URL of the page.
    pub fn person(&mut self, url: &str) -> Client {
        let (_, token) = url.split_once('#').unwrap();
        let browser = "c291cmNlIG9mIGEgdGFsZQ";
        self.secrets.extend([token.to_owned(), browser.to_owned()]);
        self.world.in_session(token, browser)
    }

    /// Makes a request and collects the values in it and in its answer.
    pub async fn call(&mut self, who: &Client, method: &str, path: &str, body: Value) -> Reply {
        let request_id = format!("tour-{}", self.visits.len());
        let request = who.request(method, path).extension(RequestId(request_id.clone()));
        self.note_fields(&body, true);
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        };
        let reply = self.world.send(request.unwrap()).await;
        self.note_fields(&reply.json(), false);
        self.secrets.extend(reply.headers.get(RECEIPT).map(|receipt| receipt.to_str().unwrap().to_owned()));
        self.visits.push(Visit { request_id, status: reply.status.as_u16() });
        reply
    }

    pub async fn post(&mut self, who: &Client, path: &str, body: Value) -> Reply {
        self.call(who, "POST", path, body).await
    }

    /// Every written form of the secrets, codes, tokens, numbers and addresses.
    pub fn secrets(&self) -> BTreeSet<String> {
        let sent = self.world.postbox.sent();
        let sent = sent.iter().flat_map(|sent| [&sent.to, &sent.text, &sent.code]);
        self.secrets.iter().chain(sent).flat_map(|secret| forms(secret)).filter(|it| it.len() >= MIN_LENGTH).collect()
    }

    /// The users' ids, the names of their devices, and their tokens.
    pub fn personal(&self) -> &BTreeSet<String> {
        &self.personal
    }

    fn note_fields(&mut self, value: &Value, of_request: bool) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    // A reply's `code` is an error code, and its destinations are masked.
                    let is_given = of_request || !["code", "email", "phoneNumber"].contains(&name.as_str());
                    if is_given && SECRET_FIELDS.contains(&name.as_str()) {
                        note_texts(value, &mut self.secrets);
                    }
                    if of_request && name == "label" {
                        note_texts(value, &mut self.personal);
                    }
                    self.note_fields(value, of_request);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.note_fields(value, of_request)),
            _ => {}
        }
    }

    fn app_code(&self, secret: &str) -> String {
        self.world.next_code(secret)
    }

    fn sent_code(&self) -> String {
        self.world.postbox.code()
    }
}

/// A wrong code that is not all zeros: zeros occur in every time.
fn wrong(code: &str) -> String {
    code.chars().map(|digit| char::from_digit((digit.to_digit(10).unwrap() + 1) % 10, 10).unwrap()).collect()
}

fn note_texts(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Number(number) => drop(texts.insert(number.to_string())),
        Value::Array(values) => values.iter().for_each(|value| note_texts(value, texts)),
        Value::Object(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let is_recovery_code = secret.len() > 16 && secret.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if is_recovery_code {
        let plain = secret.replace('-', "");
        forms.extend(forms_of_bytes(&HEXLOWER.decode(plain.as_bytes()).unwrap()));
    } else if secret.starts_with('+') {
        forms.push(secret.trim_start_matches('+').to_owned());
        forms.push(secret.chars().skip("+86".len()).collect());
    } else if secret.contains('@') && !secret.contains(char::is_whitespace) {
        forms.push(secret.to_lowercase());
        forms.push(secret.split('@').next().unwrap().to_owned());
    } else if let Some(nonce) = secret.rsplit('.').next().filter(|nonce| *nonce != secret) {
        if let Ok(bytes) = BASE64URL_NOPAD.decode(nonce.as_bytes()) {
            forms.push(nonce.to_owned());
            forms.extend(forms_of_bytes(&bytes));
        }
    } else if secret.len() == 32
        && let Ok(bytes) = BASE32_NOPAD.decode(secret.as_bytes())
    {
        forms.extend(forms_of_bytes(&bytes));
    }
    forms
}

/// Bytes as one character each, and in the forms that people and programs print.
fn forms_of_bytes(bytes: &[u8]) -> Vec<String> {
    let listed = format!("{bytes:?}");
    let listed = listed.trim_matches(['[', ']']).to_owned();
    let raw = bytes.iter().copied().map(char::from).collect();
    let base64 = BASE64.encode(bytes).trim_end_matches('=').to_owned();
    vec![raw, listed, base64, HEXLOWER.encode(bytes), BASE32_NOPAD.encode(bytes)]
}

/// The body of a confirmation in the native dialect.
fn token_and_code(token: &str, code: &str) -> Value {
    json!({"enrollmentToken": token, "code": code})
}
