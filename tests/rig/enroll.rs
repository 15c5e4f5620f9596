//! Enrolments in every dialect, in two steps or in one. `begin…` must succeed. `confirm`, `verify` and `bind` return the
//! answer, whatever it is. `enroll_…` does everything, and must succeed.

use serde_json::{Value, json};

use super::{Client, Reply};

/// The secret in an `otpauth` URI.
pub fn secret_of(uri: &str) -> String {
    let (_, rest) = uri.split_once("secret=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

/// The texts of a JSON list; none if it is missing.
fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The native dialect.
pub mod native {
    use super::{Client, Reply, Value, json, texts};

    pub const ENROLL: &str = "/v1/me/enrollments";
    pub const CONFIRM: &str = "/v1/me/enrollments/confirm";

    /// The body that confirms an enrolment.
    pub fn confirmation(token: &str, code: &str) -> Value {
        json!({"enrollmentToken": token, "code": code})
    }

    /// Begins to enrol an app; returns the token and the secret.
    pub async fn begin_app(client: &Client, label: &str) -> (String, String) {
        let begun = client.post(ENROLL, json!({"factorType": "totp", "label": label})).await.expect(201);
        (begun.text("/enrollmentToken"), begun.text("/totp/secret"))
    }

    /// Begins to enrol the phone number or the address in this request; returns the token and the passcode.
    pub async fn begin_sent(client: &Client, request: Value) -> (String, String) {
        let token = client.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
        (token, client.world.postbox.code())
    }

    /// Begins to enrol an e-mail address; returns the token and the passcode.
    pub async fn begin_email(client: &Client, address: &str) -> (String, String) {
        begin_sent(client, json!({"factorType": "email", "email": address})).await
    }

    pub async fn confirm(client: &Client, token: &str, code: &str) -> Reply {
        client.post(CONFIRM, confirmation(token, code)).await
    }

    /// Enrols an app; returns its secret, the factor's id and the recovery codes. Only a first factor brings recovery
    /// codes.
    pub async fn enroll_app(client: &Client, label: &str) -> (String, String, Vec<String>) {
        let (token, secret) = begin_app(client, label).await;
        let confirmed = confirm(client, &token, &client.world.next_code(&secret)).await.expect(201);
        (secret, confirmed.text("/factor/id"), texts(&confirmed.json()["recoveryCodes"]))
    }

    /// Enrols a phone number; returns the factor's id.
    pub async fn enroll_phone(client: &Client, number: &str) -> String {
        enroll_sent(client, json!({"factorType": "sms", "phoneNumber": number})).await
    }

    /// Enrols an e-mail address; returns the factor's id.
    pub async fn enroll_email(client: &Client, address: &str) -> String {
        enroll_sent(client, json!({"factorType": "email", "email": address})).await
    }

    async fn enroll_sent(client: &Client, request: Value) -> String {
        let (token, code) = begin_sent(client, request).await;
        confirm(client, &token, &code).await.expect(201).text("/factor/id")
    }
}

/// GenAuth's dialect. The status of an answer is in its body.
pub mod genauth {
    use super::{Client, Reply, Value, json, secret_of};

    pub const SEND: &str = "/api/v3/send-enroll-factor-request";
    pub const ENROLL: &str = "/api/v3/enroll-factor";

    /// Asserts a success; returns the reply.
    #[track_caller]
    fn succeeded(reply: Reply) -> Reply {
        assert_eq!(reply.json()["statusCode"], 200, "{}", reply.json());
        reply
    }

    /// The body that confirms an enrolment.
    pub fn confirmation(factor_type: &str, token: &str, code: &str) -> Value {
        json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": {"passCode": code}})
    }

    /// Begins to enrol a factor of this type; returns the answer.
    pub async fn begin(client: &Client, factor_type: &str, profile: Value) -> Reply {
        succeeded(client.post(SEND, json!({"factorType": factor_type, "profile": profile})).await)
    }

    pub async fn confirm(client: &Client, factor_type: &str, token: &str, code: &str) -> Reply {
        client.post(ENROLL, confirmation(factor_type, token, code)).await
    }

    /// The secret in the answer to the beginning of an app's enrolment.
    pub fn secret(begun: &Reply) -> String {
        secret_of(&begun.text("/data/otpData/qrCodeUri"))
    }

    /// Enrols an app; returns its secret and the recovery code.
    pub async fn enroll_app(client: &Client) -> (String, String) {
        let begun = begin(client, "OTP", json!({})).await;
        let (token, secret) = (begun.text("/data/enrollmentToken"), secret(&begun));
        succeeded(confirm(client, "OTP", &token, &client.world.next_code(&secret)).await);
        (secret, begun.text("/data/otpData/recoveryCode"))
    }

    /// Enrols the phone number or the address in this profile.
    pub async fn enroll_sent(client: &Client, factor_type: &str, profile: Value) {
        let token = begin(client, factor_type, profile).await.text("/data/enrollmentToken");
        succeeded(confirm(client, factor_type, &token, &client.world.postbox.code()).await);
    }
}

/// Logto's dialect.
pub mod logto {
    use super::{Client, Reply, Value, json};

    pub const SECRET: &str = "/api/experience/verification/totp/secret";
    pub const VERIFY: &str = "/api/experience/verification/totp/verify";
    pub const BIND: &str = "/api/experience/profile/mfa";

    /// The body that binds a verified secret.
    pub fn binding(id: &str) -> Value {
        json!({"type": "Totp", "verificationId": id})
    }

    /// Makes a secret; returns the verification's id and the secret.
    pub async fn begin(client: &Client) -> (String, String) {
        let begun = client.post(SECRET, Value::Null).await.expect(200);
        (begun.text("/verificationId"), begun.text("/secret"))
    }

    pub async fn verify(client: &Client, id: &str, code: &str) -> Reply {
        client.post(VERIFY, json!({"verificationId": id, "code": code})).await
    }

    pub async fn bind(client: &Client, id: &str) -> Reply {
        client.post(BIND, binding(id)).await
    }

    /// Makes a secret and verifies its code; returns the verification's id and the secret.
    pub async fn begin_verified(client: &Client) -> (String, String) {
        let (id, secret) = begin(client).await;
        verify(client, &id, &client.world.next_code(&secret)).await.expect(200);
        (id, secret)
    }

    /// Enrols an app; returns its secret.
    pub async fn enroll_app(client: &Client) -> String {
        let (id, secret) = begin_verified(client).await;
        bind(client, &id).await.expect(204);
        secret
    }
}

/// The profile page's dialect. An enrolment has no token: the session identifies it.
pub mod profile {
    use super::{Client, Reply, Value, json, secret_of, texts};

    pub const TWO_FA: &str = "/profile/two-fa";

    /// Generates a secret; returns it.
    pub async fn begin(client: &Client) -> String {
        secret_of(&client.post(TWO_FA, Value::Null).await.expect(201).text("/data/otpAuthURL"))
    }

    pub async fn confirm(client: &Client, code: &str) -> Reply {
        client.patch(TWO_FA, json!({"code": code})).await
    }

    /// Enrols an app; returns its secret and the recovery codes.
    pub async fn enroll_app(client: &Client) -> (String, Vec<String>) {
        let secret = begin(client).await;
        let confirmed = confirm(client, &client.world.next_code(&secret)).await.expect(200);
        (secret, texts(&confirmed.json()["data"]))
    }
}
