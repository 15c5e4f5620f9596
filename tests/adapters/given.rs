//! A world whose messages go to SNS and SES, for which moto stands in.

use std::sync::Arc;

use countersign::delivery::aws::{AwsDelivery, EmailSettings, SmsSettings};
use countersign::delivery::{Channel, Delivery, Message};

use crate::rig::proxy::{Fault, Proxy, Seen};
use crate::rig::{Plan, Reply, World, clients_at, moto};

/// A sender that SES has verified.
pub(super) const SENDER: &str = "codes@sender.example";

/// Faults that certainly refuse a message.
pub(super) const REFUSALS: [Fault; 3] = [
    Fault::Refused(400, "LimitExceededException"),
    Fault::Refused(400, "InvalidParameter"),
    Fault::Refused(403, "AuthorizationError"),
];

/// Faults of a service that has no room for a message.
pub(super) const THROTTLES: [Fault; 4] = [
    Fault::Throttled,
    Fault::Refused(400, "ThrottlingException"),
    Fault::Refused(400, "Throttling"),
    Fault::Refused(400, "KMSThrottling"),
];

/// Faults after which a message may or may not have been sent.
pub(super) const UNKNOWNS: [Fault; 11] = [
    Fault::Foreign(403),
    Fault::Refused(408, "RequestTimeout"),
    Fault::Foreign(502),
    Fault::Refused(503, "Throttling"),
    Fault::Broken,
    Fault::BrokenAfter,
    Fault::Cut,
    Fault::CutAfter,
    Fault::Torn,
    Fault::Garbage,
    Fault::Slow,
];

/// A proxy to SNS and SES, and a delivery over it.
pub(super) struct Post {
    pub(super) proxy: Proxy,
    pub(super) delivery: Arc<AwsDelivery>,
}

impl Post {
    /// A delivery with these settings; `None` where moto is missing.
    pub(super) async fn with(sms: SmsSettings, email: Option<EmailSettings>) -> Option<Self> {
        let proxy = Proxy::to(moto::endpoint()?);
        let clients = clients_at(&proxy.url()).await;
        Some(Self { proxy, delivery: Arc::new(AwsDelivery::new(clients.sns, clients.ses, sms, email)) })
    }

    /// A delivery whose only setting is a verified sender.
    pub(super) async fn usual() -> Option<Self> {
        moto::endpoint()?;
        moto::verify_sender(SENDER);
        Self::with(SmsSettings::default(), Some(from(SENDER))).await
    }

    pub(super) fn world(&self) -> World {
        Plan { delivery: Some(self.delivery.clone() as Arc<dyn Delivery>), ..Plan::with(&[]) }.build()
    }

    /// The requests since the last call.
    pub(super) async fn sent(&self) -> Vec<Seen> {
        self.proxy.take().await
    }

    /// The only request since the last call.
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

/// The code in a text: its only run of six digits.
pub(super) fn code_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned()
}

/// Asserts the error for a message that was not sent, without a token or an id.
#[track_caller]
pub(super) fn assert_failed(reply: &Reply, how: &str) {
    assert_not_sent(reply, (502, "delivery_failed"), how);
}

/// Asserts the error for a message for which there was no room.
#[track_caller]
pub(super) fn assert_busy(reply: &Reply, how: &str) {
    assert_not_sent(reply, (503, "busy"), how);
    assert_eq!(reply.retry_after(), Some(1), "{how}");
}

#[track_caller]
fn assert_not_sent(reply: &Reply, (status, code): (u16, &str), how: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{how}");
    for name in ["enrollmentToken", "challengeId"] {
        assert!(reply.json().get(name).is_none(), "{how}: {name}");
    }
}
