//! A world whose messages go to SNS and SES, for which moto stands in.

use std::sync::Arc;

use countersign::delivery::aws::{AwsDelivery, EmailSettings, SmsSettings};
use countersign::delivery::{Channel, Delivery, Message};

use crate::rig::proxy::{Fault, Proxy, Seen};
use crate::rig::{Plan, Reply, World, clients_at, moto};

/// A sender that SES knows.
pub(super) const SENDER: &str = "codes@sender.example";

/// The message was refused for certain.
pub(super) const REFUSALS: [Fault; 3] =
    [Fault::Throttled, Fault::Refused(400, "InvalidParameter"), Fault::Refused(403, "AuthorizationError")];

/// Nobody knows what became of the message.
pub(super) const UNKNOWNS: [Fault; 10] = [
    Fault::Foreign(403),
    Fault::Refused(408, "RequestTimeout"),
    Fault::Foreign(502),
    Fault::Broken,
    Fault::BrokenAfter,
    Fault::Cut,
    Fault::CutAfter,
    Fault::Torn,
    Fault::Garbage,
    Fault::Slow,
];

/// A way to SNS and SES, and what sends by it.
pub(super) struct Post {
    pub(super) proxy: Proxy,
    pub(super) delivery: Arc<AwsDelivery>,
}

impl Post {
    /// With these settings; `None` where moto can't be had.
    pub(super) async fn with(sms: SmsSettings, email: Option<EmailSettings>) -> Option<Self> {
        let proxy = Proxy::to(moto::endpoint()?);
        let clients = clients_at(&proxy.url()).await;
        Some(Self { proxy, delivery: Arc::new(AwsDelivery::new(clients.sns, clients.ses, sms, email)) })
    }

    /// The usual: nothing is set but a sender that is verified.
    pub(super) async fn usual() -> Option<Self> {
        moto::endpoint()?;
        moto::verify_sender(SENDER);
        Self::with(SmsSettings::default(), Some(from(SENDER))).await
    }

    pub(super) fn world(&self) -> World {
        Plan { delivery: Some(self.delivery.clone() as Arc<dyn Delivery>), ..Plan::with(&[]) }.build()
    }

    /// What was sent by it since this was last asked.
    pub(super) async fn sent(&self) -> Vec<Seen> {
        self.proxy.take().await
    }

    /// The only one.
    pub(super) async fn one_sent(&self) -> Seen {
        let mut sent = self.sent().await;
        assert_eq!(sent.len(), 1, "a send is tried once: {sent:#?}");
        sent.remove(0)
    }
}

pub(super) fn from(sender: &str) -> EmailSettings {
    EmailSettings { from: sender.to_owned(), configuration_set: String::new() }
}

pub(super) fn message(channel: Channel, to: &str) -> Message {
    let is_email = channel == Channel::Email;
    Message {
        channel,
        to: to.to_owned(),
        subject: is_email.then(|| "828384 – your code & more".to_owned()),
        text: "828384 is your code: “ä+b=c & d%”".to_owned().into(),
        html: is_email.then(|| "<b>828384</b> is your code: “ä”".to_owned().into()),
        code: "828384".to_owned().into(),
    }
}

/// The code in a text: its only six digits.
pub(super) fn code_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned()
}

/// No token, no id, and the error of a message that was not sent.
#[track_caller]
pub(super) fn assert_failed(reply: &Reply, how: &str) {
    assert_eq!(reply.outcome(), (502, "delivery_failed".to_owned()), "{how}");
    for name in ["enrollmentToken", "challengeId"] {
        assert!(reply.json().get(name).is_none(), "{how}: {name}");
    }
}
