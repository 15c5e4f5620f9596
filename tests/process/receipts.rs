//! Receipts of the local server, checked by the JWT libraries of other languages and by the command `receipt`.

use std::path::Path;
use std::process::Command;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::clients::{node, python, succeed};
use crate::server::{BINARY, Server, User};
use crate::tools::{have, totp};

/// Enrols an app by the local server; returns the receipts of the enrolment and of a check.
fn receipts(user: &User) -> [String; 2] {
    let (_, begun) = user.call("POST", "/v1/me/enrollments", json!({"factorType": "totp"}));
    let secret = begun["totp"]["secret"].as_str().unwrap().to_owned();
    // The code of the time step before, so that the present one is left for the check.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let body = json!({"enrollmentToken": begun["enrollmentToken"], "code": totp(&secret, now - 30)});
    let (status, confirmed) = user.call("POST", "/v1/me/enrollments/confirm", body);
    assert_eq!(status, 201, "{confirmed}");
    let (status, checked) = user.call("POST", "/v1/me/verify", json!({"code": totp(&secret, now)}));
    assert_eq!(status, 200, "{checked}");
    [&confirmed, &checked].map(|reply| reply["receipt"].as_str().unwrap().to_owned())
}

/// The flag of a server that knows transfers.
const TRANSFERS: [&str; 2] = ["--transaction-types", r#"{"transfer": {"en": "Pay {amount} to {payee}"}}"#];

/// Enrols a number and confirms a transfer with a code that was sent to it; returns the receipt.
fn confirmed_transfer(server: &Server, user: &User) -> String {
    let (to, transaction) =
        ("+41791234567", json!({"type": "transfer", "id": "t-1", "payee": "Zoë \"Z\"", "amount": "5 EUR"}));
    let call = |path: &str, body: Value| {
        let (status, answer) = user.call("POST", path, body);
        assert!(status < 300, "{answer}");
        answer
    };
    let begun = call("/v1/me/enrollments", json!({"factorType": "sms", "phoneNumber": to}));
    let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": server.code_for(to)});
    call("/v1/me/enrollments/confirm", confirm);
    let sent = call("/v1/me/challenges", json!({"transaction": transaction}));
    let code = server.code_for(to);
    let answer = json!({"challengeId": sent["challengeId"], "code": code, "transaction": transaction});
    call("/v1/me/verify", answer)["receipt"].as_str().unwrap().to_owned()
}

/// The receipt with another header or other claims, under the old signature.
fn altered(receipt: &str, part: usize, name: &str, value: Value) -> String {
    let mut parts: Vec<_> = receipt.split('.').map(str::to_owned).collect();
    let mut json: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[part].as_bytes()).unwrap()).unwrap();
    json[name] = value;
    parts[part] = BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    parts.join(".")
}

/// A genuine receipt, and forged or insufficient ones.
fn table(server: &Server) -> Value {
    let user = server.user("alice");
    let [enrolled, genuine] = receipts(&user);
    let transfer = confirmed_transfer(server, &user);
    let unsigned = altered(&genuine, 0, "alg", json!("none"));
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    json!({"genuine": genuine, "transfer": transfer, "token": user.token(), "forged": {
        "a transaction": transfer,
        "alg none": format!("{unsigned}."),
        "key confusion": altered(&genuine, 0, "alg", json!("HS256")),
        "another user": altered(&genuine, 1, "sub", json!("bob")),
        "another end": altered(&genuine, 1, "exp", json!(4_000_000_000_u32)),
        "unknown key": altered(&genuine, 0, "kid", json!("unknown")),
        "an access token": server.token("alice"),
        "an enrolment": enrolled,
    }})
}

fn verify(program: &Path, driver: &str, folder: &Path) {
    let server = Server::start_with(&TRANSFERS);
    let receipts = table(&server).to_string();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/receipts.md");
    let mut command = Command::new(program);
    command.env("COUNTERSIGN_URL", &server.url).env("RECEIPTS", receipts).env("PAGE", page);
    succeed(command.arg(driver).current_dir(folder));
}

#[test]
fn jose_accepts_a_receipt_and_refuses_forged_ones_t28() {
    if ["node", "npm"].into_iter().all(have) {
        verify(Path::new("node"), "receipt.mjs", node());
    }
}

#[test]
fn pyjwt_accepts_a_receipt_and_refuses_forged_ones_t28() {
    if have("python3") {
        let folder = python();
        verify(&folder.join("venv/bin/python"), "receipt.py", folder);
    }
}

#[test]
fn the_command_explains_a_receipt_and_refuses_a_forged_one() {
    let server = Server::start_with(&TRANSFERS);
    let table = table(&server);
    let explain =
        |receipt: &str| Command::new(BINARY).args(["receipt", receipt, "--issuer", &server.url]).output().unwrap();
    let output = explain(table["genuine"].as_str().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("alice") && text.contains("authenticator app"), "{text}");
    let text = String::from_utf8(explain(table["transfer"].as_str().unwrap()).stdout).unwrap();
    for part in ["transfer t-1", "amount", "5 EUR", "payee", "Zoë", "in the message"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let forged = explain(table["forged"]["another user"].as_str().unwrap());
    assert!(!forged.status.success() && forged.stdout.is_empty());
    assert!(String::from_utf8_lossy(&forged.stderr).contains("not valid"));
}

#[test]
fn the_issuer_and_the_audiences_of_receipts_are_not_those_of_access_tokens_t28() {
    let data = tempfile::tempdir().unwrap();
    let issuer = ("--receipt-issuer", "http://127.0.0.1:3000/local/issuer");
    for (flag, value) in [issuer, ("--receipt-audiences", "shop,countersign-local")] {
        let arguments = ["--port", "0", flag, value, "--data-dir"];
        let output = Command::new(BINARY).args(arguments).arg(data.path()).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("{flag} must not")), "{flag}");
    }
}
