//! Destinations of passcodes: phone numbers and e-mail addresses. They are parsed once and never printed in full.

use std::fmt;

mod email;
mod of_record;
mod phone;

pub use email::EmailAddress;
pub use of_record::ContactOfRecord;
pub use phone::PhoneNumber;

/// The way in which a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message to a phone number.
    Sms,
    /// An e-mail.
    Email,
}

/// The destination of a passcode.
pub enum Destination {
    /// A phone number.
    Phone(PhoneNumber),
    /// An e-mail address.
    Email(EmailAddress),
}

impl Destination {
    /// A destination that was stored as [`Destination::as_str`]. `None` for any other text.
    #[must_use]
    pub fn restore(channel: Channel, text: &str) -> Option<Self> {
        match channel {
            Channel::Sms => PhoneNumber::restore(text).map(Self::Phone).ok(),
            Channel::Email => EmailAddress::parse(text).map(Self::Email).ok(),
        }
    }

    /// The number in E.164, or the address as it was typed. For sending and sealing only.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(number) => number.e164(),
            Self::Email(address) => address.as_typed(),
        }
    }

    /// The text that identifies the destination in limits: the same for every spelling of one mailbox. For digests
    /// only.
    #[must_use]
    pub fn limit_form(&self) -> String {
        match self {
            Self::Phone(number) => number.e164().to_owned(),
            Self::Email(address) => address.limit_form(),
        }
    }

    /// The channel of messages to it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }

    /// The destination with most of it hidden.
    #[must_use]
    pub fn masked(&self) -> MaskedDestination {
        match self {
            Self::Phone(number) => MaskedDestination::Phone {
                country_code: number.country_code().to_owned(),
                national: number.masked_national(),
            },
            Self::Email(address) => MaskedDestination::Email(address.masked()),
        }
    }

    /// Whether both are the same number, or the same address but for its case and a `+tag`.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Phone(one), Self::Phone(other)) => one.e164() == other.e164(),
            (Self::Email(one), Self::Email(other)) => one.comparable_form() == other.comparable_form(),
            (Self::Phone(_), Self::Email(_)) | (Self::Email(_), Self::Phone(_)) => false,
        }
    }
}

/// A destination with most of it hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskedDestination {
    /// A phone number.
    Phone {
        /// The country code with its plus sign, as `+86`.
        country_code: String,
        /// The number within the country, masked.
        national: String,
    },
    /// An e-mail address, masked.
    Email(String),
}

impl fmt::Display for MaskedDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone { country_code, national } => write!(f, "{country_code} {national}"),
            Self::Email(address) => f.write_str(address),
        }
    }
}

/// The reason that a text is not a valid destination. It never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactProblem {
    /// The text does not have the form of a phone number or an e-mail address.
    Malformed,
    /// The number has no country code, and the default one is missing or unknown.
    UnknownCountryCode,
    /// The number has the form of a phone number, but is not in use in its country.
    NoSuchNumber,
    /// The number can't receive an SMS, or its SMS prove no device: fixed line, premium rate, toll-free, shared cost,
    /// voice over IP, pager, and the like.
    NotASmsNumber,
    /// The e-mail address has more than [`EmailAddress::MAX_BYTES`] bytes.
    TooLong,
    /// The e-mail address has characters outside ASCII, which SES does not accept.
    NotAscii,
}

impl ContactProblem {
    /// The problem in words, as the end of a sentence that begins with the field's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "is malformed",
            Self::UnknownCountryCode => "needs a country code, such as +44",
            Self::NoSuchNumber => "is not a number in use",
            Self::NotASmsNumber => "can't receive codes by SMS",
            Self::TooLong => "is too long",
            Self::NotAscii => "must be ASCII: write an international domain in Punycode (xn--…)",
        }
    }
}

impl fmt::Display for ContactProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::error::Error for ContactProblem {}

/// Whether a text is a host name in the DNS with at least two labels, and not an IP address (RFC 1123, 2.1).
pub(crate) fn is_host_name(text: &str) -> bool {
    const MAX_NAME: usize = 253;
    const MAX_LABEL: usize = 63;
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, last)) = text.rsplit_once('.') else { return false };
    text.len() <= MAX_NAME && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}
