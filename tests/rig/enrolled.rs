//! Enrolments in the native dialect.

use serde_json::{Value, json};

use super::Client;

/// Enrols an app; returns its secret, factor id and recovery codes.
pub async fn enrol_app(client: &Client, label: &str) -> (String, String, Vec<String>) {
    let begun = client.post("/v1/me/enrollments", json!({"factorType": "totp", "label": label})).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let code = client.world.next_code(&secret);
    let body = json!({"enrollmentToken": token, "code": code});
    let confirmed = client.post("/v1/me/enrollments/confirm", body).await.expect(201);
    let codes = confirmed.json()["recoveryCodes"].as_array().cloned().unwrap_or_default();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    (secret, confirmed.text("/factor/id"), codes)
}

/// Enrols a phone number; returns the factor's id.
pub async fn enrol_phone(client: &Client, number: &str) -> String {
    enrol_sent(client, json!({"factorType": "sms", "phoneNumber": number})).await
}

/// Enrols an e-mail address; returns the factor's id.
pub async fn enrol_email(client: &Client, address: &str) -> String {
    enrol_sent(client, json!({"factorType": "email", "email": address})).await
}

async fn enrol_sent(client: &Client, request: Value) -> String {
    let token = client.post("/v1/me/enrollments", request).await.expect(201).text("/enrollmentToken");
    let body = json!({"enrollmentToken": token, "code": client.world.postbox.code()});
    client.post("/v1/me/enrollments/confirm", body).await.expect(201).text("/factor/id")
}
