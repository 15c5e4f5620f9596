//! The ways to enrol a factor in the four dialects.

use serde_json::{Value, json};

use crate::rig::{Client, Reply};

const NATIVE_BEGIN: &str = "/v1/me/enrollments";
const NATIVE_CONFIRM: &str = "/v1/me/enrollments/confirm";
const GENAUTH_BEGIN: &str = "/api/v3/send-enroll-factor-request";
const GENAUTH_CONFIRM: &str = "/api/v3/enroll-factor";
const LOGTO_BEGIN: &str = "/api/experience/verification/totp/secret";
pub(super) const LOGTO_VERIFY: &str = "/api/experience/verification/totp/verify";
const LOGTO_BIND: &str = "/api/experience/profile/mfa";
const PAGE: &str = "/profile/two-fa";

/// A way to enrol a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    App,
    Phone,
    Address,
    GenauthApp,
    GenauthPhone,
    GenauthAddress,
    Logto,
    Page,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    App,
    Phone,
    Address,
}

/// The data that finishes an enrolment.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// The token or the id. The page has none.
    pub(super) token: String,
    /// The secret of an app.
    pub(super) secret: Option<String>,
    /// The code that was sent.
    pub(super) code: String,
    /// The recovery code that GenAuth's dialect shows at the beginning.
    pub(super) recovery: Option<String>,
}

impl Way {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::App | Self::GenauthApp | Self::Logto | Self::Page => Kind::App,
            Self::Phone | Self::GenauthPhone => Kind::Phone,
            Self::Address | Self::GenauthAddress => Kind::Address,
        }
    }

    pub(super) fn dialect(self) -> &'static str {
        match self {
            Self::App | Self::Phone | Self::Address => "native",
            Self::GenauthApp | Self::GenauthPhone | Self::GenauthAddress => "genauth",
            Self::Logto => "logto",
            Self::Page => "profile",
        }
    }

    /// The way of the same kind in the native dialect, the back end's only dialect.
    pub(super) fn native(self) -> Self {
        match self.kind() {
            Kind::App => Self::App,
            Kind::Phone => Self::Phone,
            Kind::Address => Self::Address,
        }
    }

    /// Whether the account may have no app before this one.
    pub(super) fn is_of_an_only_app(self) -> bool {
        matches!(self, Self::GenauthApp | Self::Logto | Self::Page)
    }

    /// Begins an enrolment. Each `number` has its own label and destination. Only the native dialect takes a code.
    pub(super) async fn begin(self, client: &Client, number: usize, code: Option<&str>) -> Reply {
        let (national, address) = (format!("79{number:07}"), format!("{number}@example.org"));
        let (path, request) = match self {
            Self::App => (NATIVE_BEGIN, json!({"factorType": "totp", "label": format!("App {number}"), "code": code})),
            Self::Phone => {
                (NATIVE_BEGIN, json!({"factorType": "sms", "phoneNumber": format!("+41{national}"), "code": code}))
            }
            Self::Address => (NATIVE_BEGIN, json!({"factorType": "email", "email": address, "code": code})),
            Self::GenauthApp => (GENAUTH_BEGIN, json!({"factorType": "OTP", "profile": null})),
            Self::GenauthPhone => {
                let profile = json!({"phoneNumber": national, "phoneCountryCode": "+41"});
                (GENAUTH_BEGIN, json!({"factorType": "SMS", "profile": profile}))
            }
            Self::GenauthAddress => (GENAUTH_BEGIN, json!({"factorType": "EMAIL", "profile": {"email": address}})),
            Self::Logto => (LOGTO_BEGIN, Value::Null),
            Self::Page => (PAGE, Value::Null),
        };
        client.post(path, request).await
    }

    /// The data that finishes the enrolment that has just begun.
    pub(super) fn proof(self, client: &Client, begun: &Reply) -> Proof {
        let token = match self {
            Self::App | Self::Phone | Self::Address => begun.text("/enrollmentToken"),
            Self::GenauthApp | Self::GenauthPhone | Self::GenauthAddress => begun.text("/data/enrollmentToken"),
            Self::Logto => begun.text("/verificationId"),
            Self::Page => String::new(),
        };
        let secret = match self {
            Self::App => Some(begun.text("/totp/secret")),
            Self::Logto => Some(begun.text("/secret")),
            Self::GenauthApp => Some(secret_of(&begun.text("/data/otpData/qrCodeUri"))),
            Self::Page => Some(secret_of(&begun.text("/data/otpAuthURL"))),
            Self::Phone | Self::Address | Self::GenauthPhone | Self::GenauthAddress => None,
        };
        let code = if secret.is_none() { client.world.postbox.code() } else { String::new() };
        let recovery = (self == Self::GenauthApp).then(|| begun.text("/data/otpData/recoveryCode"));
        Proof { token, secret, code, recovery }
    }

    /// The request that makes it a factor. In Logto's dialect another request has verified the code before.
    pub(super) async fn finish(self, client: &Client, token: &str, code: &str) -> Reply {
        let genauth = |factor_type| {
            let data = json!({"passCode": code});
            json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": data})
        };
        let (path, request) = match self {
            Self::App | Self::Phone | Self::Address => {
                (NATIVE_CONFIRM, json!({"enrollmentToken": token, "code": code}))
            }
            Self::GenauthApp => (GENAUTH_CONFIRM, genauth("OTP")),
            Self::GenauthPhone => (GENAUTH_CONFIRM, genauth("SMS")),
            Self::GenauthAddress => (GENAUTH_CONFIRM, genauth("EMAIL")),
            Self::Logto => (LOGTO_BIND, json!({"type": "Totp", "verificationId": token})),
            Self::Page => return client.patch(PAGE, json!({"code": code})).await,
        };
        client.post(path, request).await
    }
}

/// Whether an answer is a success in its dialect. No answer may be a failure of the service.
pub(super) fn passed(reply: &Reply) -> Result<bool, String> {
    let of_envelope = reply.json().get("statusCode").and_then(Value::as_u64);
    match of_envelope.unwrap_or(reply.status.as_u16().into()) {
        200..300 => Ok(true),
        400..500 => Ok(false),
        _ => Err(format!("{} {}", reply.status, reply.json())),
    }
}

/// The texts of a list in the body, if there is one.
pub(super) fn texts(reply: &Reply, name: &str) -> Option<Vec<String>> {
    let json = reply.json();
    let texts = json.get(name).and_then(Value::as_array)?;
    Some(texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
}

/// The secret in an `otpauth` URI.
fn secret_of(uri: &str) -> String {
    uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}
