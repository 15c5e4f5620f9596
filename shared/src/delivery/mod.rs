//! How messages reach people: one trait, for SMS and e-mail, and what every adapter promises about its errors.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

#[cfg(feature = "aws")]
pub mod aws;
mod language;
pub mod messages;
mod segment;

#[cfg(feature = "embedded")]
pub mod outbox;

pub use crate::domain::factor::Channel;
pub use language::Language;
pub use segment::SmsEncoding;

/// One message to one person, complete: an adapter adds nothing to it. Made by [`messages::Wording`].
///
/// Its texts hold the passcode, so they are wiped when it is dropped, and it can't be printed.
pub struct Message {
    /// What carries it.
    pub channel: Channel,
    /// The number in E.164, or the address as its owner typed it.
    pub to: String,
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text. An SMS is that alone, and one segment.
    pub text: Zeroizing<String>,
    /// The HTML of an e-mail, which says what the text says.
    pub html: Option<Zeroizing<String>>,
    /// The passcode in it, for whoever shows messages rather than sends them.
    pub code: Zeroizing<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Message").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Why a message was not sent, or not surely. An adapter that can't tell says [`DeliveryError::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// Refused for certain: nothing was sent and nothing will be. What was charged for it may be undone.
    Refused,
    /// No answer, or one that tells nothing: it may have been sent. What was charged for it stays.
    Unknown,
    /// This channel is not set up here; nothing was sent.
    NotConfigured,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "the message was refused",
            Self::Unknown => "it is not known whether the message was sent",
            Self::NotConfigured => "the channel is not configured",
        })
    }
}

impl std::error::Error for DeliveryError {}

/// Sends messages.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// Whether this channel can be used at all.
    fn configured(&self, channel: Channel) -> bool;

    /// Sends a message, once: an adapter never tries again, since it can't know that the first try failed.
    ///
    /// # Errors
    /// Any [`DeliveryError`], in the strict sense in which each is documented.
    async fn send(&self, message: &Message) -> Result<(), DeliveryError>;
}
