//! What is sent: well meant, of every kind, and what broke others.

use axum::body::Bytes;
use countersign::http::routes::{Method, Route};
use serde_json::{Map, Value, json};

/// In every text that is sent. No error may hold it.
pub const CANARY: &str = "cAn4rY";

/// What routes are sent by those who mean well: no field is missing, and each is right as far as it can be alone.
pub fn well_meant(route: &Route) -> Vec<Value> {
    let code = "123456";
    let profile = json!({"phoneNumber": "79 123 45 68", "phoneCountryCode": "+41", "email": "bob@example.com"});
    let data = json!({"passCode": code, "photo": "https://example.com/face.jpg", "isExternalPhoto": true});
    let transaction = json!({"type": "transfer", "id": "t-1", "amount": "5.00 EUR", "payee": "Zoe"});
    match route.path.replace("/v1/users/{userId}", "/v1/me").replace("/v1/session", "/v1/me").as_str() {
        "/v1/me/enrollments" => vec![
            json!({"factorType": "totp", "label": "Tablet", "code": code}),
            json!({"factorType": "sms", "phoneNumber": "+41791234568", "locale": "zh-CN", "platform": "web", "code": code}),
            json!({"factorType": "email", "email": "bob@example.com", "locale": "en", "platform": "android", "code": code}),
        ],
        "/v1/me/enrollments/confirm" => {
            vec![json!({"enrollmentToken": "en.totp.AAAAAAAAAAAAAAAAAAAAAA", "code": code})]
        }
        "/v1/me/challenges" => vec![
            json!({"factorType": "sms", "locale": "zh-CN", "platform": "web"}),
            json!({"factorId": "aaaaaaaaaaaaaaaa"}),
            json!({"factorType": "sms", "transaction": transaction}),
        ],
        "/v1/me/verify" => vec![
            json!({"code": code, "factorType": "totp"}),
            json!({"code": code, "factorId": "aaaaaaaaaaaaaaaa"}),
            json!({"code": code, "challengeId": "cn.aaaaaaaaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA"}),
            json!({
                "code": code, "challengeId": "cn.aaaaaaaaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA", "transaction": transaction,
            }),
        ],
        "/v1/me/sessions" => vec![
            json!({
                "purpose": "enroll", "returnUrl": "https://shop.example/signed-in", "contact": {"email": "bob@example.com"},
            }),
            json!({"purpose": "check", "returnUrl": "https://shop.example/signed-in", "offerPasskey": true}),
        ],
        "/v1/me/contact" => vec![json!({"locale": "zh-CN", "platform": "web"})],
        "/v1/me/contact/confirm" => vec![json!({"code": "12345678", "locale": "zh-CN"})],
        "/v1/me/sessions/{id}/redeem" => vec![json!({"code": "AAAAAAAAAAAAAAAAAAAAAA"})],
        "/v1/me/checks" => vec![json!({"acrValues": ["otp", "sms"], "maxAge": 300})],
        "/v1/me/factors/{id}" if route.method == Method::Patch => vec![json!({"label": "Phone", "code": code})],
        "/v1/me/factors/{id}" | "/v1/me/recovery-codes" => vec![json!({"code": code})],
        "/api/v3/send-enroll-factor-request" => {
            ["OTP", "SMS", "EMAIL", "FACE"].map(|each| json!({"factorType": each, "profile": profile})).into()
        }
        "/api/v3/enroll-factor" => [("OTP", "totp"), ("SMS", "sms"), ("FACE", "face")]
            .map(|(factor_type, word)| {
                let token = format!("eg.{word}.AAAAAAAAAAAAAAAAAAAAAA");
                json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": data})
            })
            .into(),
        "/api/v3/mfa-totp-verify" => vec![json!({"totp": code})],
        "/api/v3/reset-factor" => vec![json!({"factorId": "aaaaaaaaaaaaaaaa"})],
        "/api/experience/verification/totp/verify" => {
            vec![json!({"code": code}), json!({"code": code, "verificationId": "el.totp.AAAAAAAAAAAAAAAAAAAAAA"})]
        }
        path if path.starts_with("/api/experience/verification/web-authn/") && path.ends_with("/verify") => {
            let id = if path.contains("registration") {
                "el.passkey.AAAAAAAAAAAAAAAAAAAAAA"
            } else {
                "cl.passkey000000000.AAAAAAAAAAAAAAAAAAAAAA"
            };
            let response = json!({"clientDataJSON": "e30", "attestationObject": "oA", "authenticatorData": "AA", "signature": "AA"});
            let payload = json!({"type": "WebAuthn", "id": "AQ", "rawId": "AQ", "response": response});
            vec![json!({"verificationId": id, "payload": payload})]
        }
        "/api/experience/profile/mfa" => {
            vec![json!({"type": "Totp", "verificationId": "el.totp.AAAAAAAAAAAAAAAAAAAAAA"})]
        }
        "/profile/two-fa" if route.method == Method::Patch => vec![json!({"code": code})],
        "/profile/two-fa/disable" => vec![json!({"code": code})],
        // These ask for no body.
        "/api/experience/verification/totp/secret"
        | "/api/experience/verification/web-authn/registration"
        | "/api/experience/verification/web-authn/authentication"
        | "/profile/two-fa"
        | "/v1/me"
        | "/v1/me/cancel"
        | "/v1/me/sessions/{id}" => Vec::new(),
        path => panic!("well_meant has no body for {path}"),
    }
}

/// Every field of a body, and of the objects in it, as JSON pointers.
pub fn fields(body: &Value) -> Vec<String> {
    let Value::Object(object) = body else { return Vec::new() };
    let below = |(name, value): (&String, &Value)| {
        let deeper = fields(value).into_iter().map(|field| format!("/{name}{field}")).collect::<Vec<_>>();
        [vec![format!("/{name}")], deeper].concat()
    };
    object.iter().flat_map(below).collect()
}

/// A body with another value in one of its fields.
pub fn changed(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(field).unwrap() = value;
    body
}

/// Bodies that broke others.
pub fn hand_picked() -> Vec<Bytes> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "[{}]",
        "null",
        "true",
        "0",
        "-0",
        "1e999",
        "NaN",
        "{} {}",
        "{},",
        "{'code':'1'}",
        "{code:1}",
        "//\n{}",
        "\u{feff}{}",
        "\"",
        "{\"\":\"\"}",
        "{\"code\":}",
        "{\"code\":\"\n\"}",
        "{\"__proto__\":{\"code\":\"1\"}}",
        r#"{"code":"\ud800"}"#,
        r#"{"code":"\udc00\ud800"}"#,
        r#"{"code":"\u0000"}"#,
        r#"{"code":"\x"}"#,
        r#"{"code":1e400}"#,
        r#"{"code":123456789012345678901234567890}"#,
        r#"{"code":"123456","code":12345}"#,
        r#"{"code":12345,"code":"123456"}"#,
        r#"{"factorType":"totp","factorType":"sms"}"#,
        "code=123456&totp=123456",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(b"\xff\xfe{\0}\0".to_vec());
    bodies.push(b"{\"code\":\"\xff\xfe\"}".to_vec());
    bodies.push(b"{\"code\":\"\xed\xa0\x80\"}".to_vec());
    bodies.push(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec());
    bodies.push(vec![0; 1000]);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[[{\"profile\":", "}]]")] {
        bodies.push(open.repeat(20_000).into_bytes());
        bodies.push(format!("{}1{}", open.repeat(100), close.repeat(100)).into_bytes());
        bodies.push(format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes());
        bodies.push(format!("{{\"profile\":{}1{}}}", open.repeat(50), close.repeat(50)).into_bytes());
    }
    bodies.push(format!("\"{}\"", CANARY.repeat(1000)).into_bytes());
    // Natively a misspelt field is named in the answer. These names are none that a field could have.
    for name in [format!("{CANARY} "), format!("1{CANARY}"), CANARY.repeat(6), format!("{CANARY}\u{202e}")] {
        bodies.push(json!({name: CANARY}).to_string().into_bytes());
    }
    let many: Map<String, Value> = (0..10_000).map(|number| (format!("field{number}"), number.into())).collect();
    bodies.push(Value::Object(many).to_string().into_bytes());
    bodies.into_iter().map(Bytes::from).collect()
}

/// Values of every kind, for a field of any.
pub fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(12345),
        json!(-1.5e300),
        json!([]),
        json!({}),
        json!([[CANARY]]),
        // A name that no field could have: natively, a misspelt field is named in the answer.
        json!({format!("{CANARY} "): {CANARY: CANARY}}),
        json!(CANARY),
        json!(""),
        json!(" \u{a0}\u{3000}\n"),
        json!(format!("\u{0}{CANARY}\u{7f}\u{202e}")),
        json!(format!("{CANARY}@{CANARY}.example")),
        json!(format!("+41 {CANARY}")),
        json!(format!("en.totp.{CANARY}")),
        json!(format!("eg.sms.{CANARY}")),
        json!(format!("vl..{CANARY}")),
        json!(format!("cn.aaaaaaaaaaaaaaaa.{CANARY}")),
        json!(CANARY.repeat(10_000)),
        json!("😀".repeat(10_000)),
        json!("123456"),
        json!("0000-0000-0000-0000"),
    ]
}
