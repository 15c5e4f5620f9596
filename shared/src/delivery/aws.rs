//! SMS by SNS, e-mail by SES. Each message is one attempt: a message without an answer may have been sent.

use async_trait::async_trait;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as Email};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;

use super::{Channel, Delivery, DeliveryError, Message};
use crate::clients::had_no_effect;

/// The attributes of every SMS. An empty one is left out, so that the account's own setting applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsSettings {
    /// The sender that phones show, in countries that allow one: 1 to 11 letters, digits or hyphens.
    pub sender_id: String,
    /// The number to send from, in E.164 or as a short code.
    pub origination_number: String,
    /// The entity id that India requires.
    pub entity_id: String,
    /// The template id that India requires.
    pub template_id: String,
    /// The most that one message may cost, in US dollars.
    pub max_price_usd: String,
}

/// The sender and the options of every e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailSettings {
    /// The sender's address, verified with SES.
    pub from: String,
    /// The name of the SES configuration set; empty for none.
    pub configuration_set: String,
}

/// Sends by SNS and SES. Without [`EmailSettings`], e-mail is off.
pub struct AwsDelivery {
    sns: aws_sdk_sns::Client,
    ses: aws_sdk_sesv2::Client,
    sms: SmsSettings,
    email: Option<EmailSettings>,
}

impl AwsDelivery {
    /// A delivery over these clients. They must not retry: a retry could send a message twice.
    #[must_use]
    pub fn new(
        sns: aws_sdk_sns::Client,
        ses: aws_sdk_sesv2::Client,
        sms: SmsSettings,
        email: Option<EmailSettings>,
    ) -> Self {
        Self { sns, ses, sms, email }
    }

    async fn send_sms(&self, message: &Message) -> Result<(), DeliveryError> {
        let settings = &self.sms;
        let attributes = [
            ("AWS.SNS.SMS.SMSType", "Transactional", "String"),
            ("AWS.SNS.SMS.SenderID", &settings.sender_id, "String"),
            ("AWS.SNS.SMS.MaxPrice", &settings.max_price_usd, "Number"),
            ("AWS.MM.SMS.OriginationNumber", &settings.origination_number, "String"),
            ("AWS.MM.SMS.EntityId", &settings.entity_id, "String"),
            ("AWS.MM.SMS.TemplateId", &settings.template_id, "String"),
        ];
        let mut request = self.sns.publish().phone_number(&message.to).message(message.text.as_str());
        for (name, value, data_type) in attributes.into_iter().filter(|(_, value, _)| !value.is_empty()) {
            let value = MessageAttributeValue::builder().data_type(data_type).string_value(value).build();
            request = request.message_attributes(name, value.map_err(|_| DeliveryError::Refused)?);
        }
        request.send().await.map(drop).map_err(|error| failed("SNS", &error))
    }

    async fn send_email(&self, message: &Message) -> Result<(), DeliveryError> {
        let settings = self.email.as_ref().ok_or(DeliveryError::NotConfigured)?;
        let content =
            |text: &str| Content::builder().data(text).charset("UTF-8").build().map_err(|_| DeliveryError::Refused);
        let html = message.html.as_ref().map(|html| content(html)).transpose()?;
        let body = Body::builder().text(content(&message.text)?).set_html(html).build();
        let subject = content(message.subject.as_deref().unwrap_or_default())?;
        let email = Email::builder().subject(subject).body(body).build();
        self.ses
            .send_email()
            .from_email_address(&settings.from)
            .set_configuration_set_name(Some(settings.configuration_set.clone()).filter(|name| !name.is_empty()))
            .destination(Destination::builder().to_addresses(&message.to).build())
            .content(EmailContent::builder().simple(email).build())
            .send()
            .await
            .map(drop)
            .map_err(|error| failed("SES", &error))
    }
}

#[async_trait]
impl Delivery for AwsDelivery {
    fn configured(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => true,
            Channel::Email => self.email.is_some(),
        }
    }

    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        match message.channel {
            Channel::Sms => self.send_sms(message).await,
            Channel::Email => self.send_email(message).await,
        }
    }
}

/// Classifies a failed send and logs it. It is a refusal or a throttle only if it certainly had no effect. The log has the error's code and a hint but not its text, which may repeat the destination.
fn failed<E: ProvideErrorMetadata>(service: &'static str, error: &SdkError<E>) -> DeliveryError {
    let answered = error.as_service_error();
    let outcome = if !had_no_effect(error) {
        DeliveryError::Unknown
    } else if answered.is_some_and(is_throttle) {
        DeliveryError::Throttled
    } else {
        DeliveryError::Refused
    };
    tracing::warn!(
        delivery.service = service,
        delivery.code = answered.and_then(ProvideErrorMetadata::code),
        delivery.hint = answered.and_then(hint),
        delivery.outcome = %outcome,
        "sending a message failed"
    );
    outcome
}

/// Whether the service only has no room at the moment. The codes are those of SNS's Publish, SES's `SendEmail`, and the
/// ones common to all services. SES uses the same code for its daily quota, where soon asking again does not help (SES
/// Developer Guide, "Errors related to the sending quotas").
fn is_throttle(error: &impl ProvideErrorMetadata) -> bool {
    let codes = ["Throttled", "Throttling", "ThrottlingException", "KMSThrottling", "TooManyRequestsException"];
    error.code().is_some_and(|code| codes.contains(&code)) && !is_daily_quota(error)
}

fn is_daily_quota(error: &impl ProvideErrorMetadata) -> bool {
    error.message().is_some_and(|message| message.contains("Daily message quota exceeded"))
}

/// A hint for the operator, where the error code alone does not say what to do.
fn hint(error: &impl ProvideErrorMetadata) -> Option<&'static str> {
    let says = |words| error.message().is_some_and(|message| message.contains(words));
    if says("not verified") {
        Some("the sender is not verified with SES, or the account is in its sandbox and the recipient is not verified")
    } else if is_daily_quota(error) {
        Some("the account has sent as many e-mails as SES allows it in 24 hours: ask for a higher sending quota")
    } else if error.code() == Some("AccessDeniedException") {
        Some("the function's policy does not allow this channel: check the parameters EmailFrom and AllowedCountries")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::error::ErrorMetadata;

    use super::*;

    #[test]
    fn a_rate_that_is_exceeded_is_a_throttle_and_a_daily_quota_is_not() {
        let of_ses = |message| ErrorMetadata::builder().code("ThrottlingException").message(message).build();
        assert!(is_throttle(&of_ses("Maximum sending rate exceeded.")));
        assert!(!is_throttle(&of_ses("Daily message quota exceeded.")));
        assert!(hint(&of_ses("Daily message quota exceeded.")).is_some());
    }
}
