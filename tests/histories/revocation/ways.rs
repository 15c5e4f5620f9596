//! The ways to enrol a factor in the four dialects.

use serde_json::{Value, json};

use crate::rig::enroll::{genauth, logto, native, profile, secret_of};
use crate::rig::{Client, Reply};

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
            Self::App => {
                (native::ENROLL, json!({"factorType": "totp", "label": format!("App {number}"), "code": code}))
            }
            Self::Phone => {
                (native::ENROLL, json!({"factorType": "sms", "phoneNumber": format!("+41{national}"), "code": code}))
            }
            Self::Address => (native::ENROLL, json!({"factorType": "email", "email": address, "code": code})),
            Self::GenauthApp => (genauth::SEND, json!({"factorType": "OTP", "profile": null})),
            Self::GenauthPhone => {
                let profile = json!({"phoneNumber": national, "phoneCountryCode": "+41"});
                (genauth::SEND, json!({"factorType": "SMS", "profile": profile}))
            }
            Self::GenauthAddress => (genauth::SEND, json!({"factorType": "EMAIL", "profile": {"email": address}})),
            Self::Logto => (logto::SECRET, Value::Null),
            Self::Page => (profile::TWO_FA, Value::Null),
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
            Self::GenauthApp => Some(genauth::secret(begun)),
            Self::Page => Some(secret_of(&begun.text("/data/otpAuthURL"))),
            Self::Phone | Self::Address | Self::GenauthPhone | Self::GenauthAddress => None,
        };
        let code = if secret.is_none() { client.world.postbox.code() } else { String::new() };
        let recovery = (self == Self::GenauthApp).then(|| begun.text("/data/otpData/recoveryCode"));
        Proof { token, secret, code, recovery }
    }

    /// The request that makes it a factor. In Logto's dialect another request has verified the code before.
    pub(super) async fn finish(self, client: &Client, token: &str, code: &str) -> Reply {
        match self {
            Self::App | Self::Phone | Self::Address => native::confirm(client, token, code).await,
            Self::GenauthApp => genauth::confirm(client, "OTP", token, code).await,
            Self::GenauthPhone => genauth::confirm(client, "SMS", token, code).await,
            Self::GenauthAddress => genauth::confirm(client, "EMAIL", token, code).await,
            Self::Logto => logto::bind(client, token).await,
            Self::Page => profile::confirm(client, code).await,
        }
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
