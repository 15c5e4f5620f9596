//! Delivery of messages: one trait for SMS and e-mail, and what every adapter promises about its errors.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

#[cfg(feature = "aws")]
pub mod aws;
mod language;
pub mod messages;
pub mod notices;
mod segment;
pub mod transaction_texts;

#[cfg(feature = "embedded")]
pub mod outbox;

pub use crate::domain::factor::Channel;
pub use language::Language;
pub use segment::SmsEncoding;

/// One complete message to one person; an adapter adds nothing to it. [`messages::Wording`] makes it.
///
/// Its texts contain the passcode: they are wiped when it is dropped, and `Debug` shows only the channel.
pub struct Message {
    /// SMS or e-mail.
    pub channel: Channel,
    /// The phone number in E.164, or the e-mail address as its owner typed it.
    pub to: String,
    /// The subject; `None` for an SMS.
    pub subject: Option<String>,
    /// The text. For an SMS it is the whole message and fits one segment.
    pub text: Zeroizing<String>,
    /// The same text as HTML; `None` for an SMS.
    pub html: Option<Zeroizing<String>>,
    /// The passcode in the message, for adapters that show messages rather than send them.
    pub code: Zeroizing<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Message").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Why a message was not sent, or may not have been. An adapter that can't tell returns [`DeliveryError::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// The message was certainly not sent and will not be. Its charge to the limits may be undone.
    Refused,
    /// The service has no room at the moment. The message was certainly not sent, and the same request may soon succeed.
    /// Its charge to the limits may be undone.
    Throttled,
    /// No answer, or one that proves nothing: the message may have been sent. Its charge to the limits stays.
    Unknown,
    /// The channel is not configured; nothing was sent.
    NotConfigured,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "the message was refused",
            Self::Throttled => "the service has no room for the message at the moment",
            Self::Unknown => "it is not known whether the message was sent",
            Self::NotConfigured => "the channel is not configured",
        })
    }
}

impl std::error::Error for DeliveryError {}

/// Sends messages.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// Whether this channel is configured.
    fn configured(&self, channel: Channel) -> bool;

    /// Sends a message in one attempt. An adapter never retries: it can't know that the first attempt failed.
    ///
    /// # Errors
    /// Any [`DeliveryError`]; each variant's promise must hold.
    async fn send(&self, message: &Message) -> Result<(), DeliveryError>;
}
