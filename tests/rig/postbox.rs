//! A delivery that keeps messages, and fails on request.

use std::sync::Mutex;

use countersign::delivery::{Channel, Delivery, DeliveryError, Message};

/// The outcome of the next messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// The message arrives.
    #[default]
    Arrives,
    /// The message is refused.
    Refused,
    /// The service has no room for the message.
    Throttled,
    /// The message arrives, but the answer is lost.
    AnswerLost,
    /// The message does not arrive, and there is no answer.
    Lost,
    /// The answer never comes.
    Hangs,
    /// The channel is not configured.
    NotConfigured,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub channel: Channel,
    pub to: String,
    pub text: String,
    pub code: String,
}

/// A delivery that keeps the messages that arrive.
#[derive(Default)]
pub struct Postbox {
    sent: Mutex<Vec<Sent>>,
    fate: Mutex<Fate>,
    calls: Mutex<Vec<Channel>>,
}

impl Postbox {
    /// Sets the outcome of the next messages.
    pub fn fate(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
    }

    /// The messages that arrived, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The number of sends, whatever their outcome.
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The code of the newest message.
    pub fn code(&self) -> String {
        self.sent.lock().unwrap().last().expect("a message was sent").code.clone()
    }

    /// A code of six digits that was never sent.
    pub fn wrong_code(&self) -> String {
        let sent = self.sent();
        (0..).map(|number| format!("{number:06}")).find(|code| sent.iter().all(|each| each.code != *code)).unwrap()
    }
}

#[async_trait::async_trait]
impl Delivery for Postbox {
    fn configured(&self, _: Channel) -> bool {
        *self.fate.lock().unwrap() != Fate::NotConfigured
    }

    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        self.calls.lock().unwrap().push(message.channel);
        let fate = *self.fate.lock().unwrap();
        if matches!(fate, Fate::Arrives | Fate::AnswerLost) {
            self.sent.lock().unwrap().push(Sent {
                channel: message.channel,
                to: message.to.clone(),
                text: message.text.to_string(),
                code: message.code.to_string(),
            });
        }
        match fate {
            Fate::Arrives => Ok(()),
            Fate::Refused => Err(DeliveryError::Refused),
            Fate::Throttled => Err(DeliveryError::Throttled),
            Fate::AnswerLost | Fate::Lost => Err(DeliveryError::Unknown),
            Fate::Hangs => std::future::pending().await,
            Fate::NotConfigured => Err(DeliveryError::NotConfigured),
        }
    }
}
