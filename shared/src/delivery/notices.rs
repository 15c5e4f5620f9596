//! The text of notices: the contact of record hears of every change of an account's factors.

use zeroize::Zeroizing;

use super::messages::{Wording, WordingError, escaped};
use super::{Channel, Language, Message, SmsEncoding};
use crate::domain::contact::Destination;
use crate::domain::factor::FactorType;

/// A change of an account's factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A factor was added.
    Added(FactorType),
    /// A factor was removed, or every factor of this type.
    Removed(FactorType),
    /// New recovery codes replace the old ones.
    NewRecoveryCodes,
}

impl Notice {
    /// Every notice.
    fn all() -> impl Iterator<Item = Self> {
        let of_types = FactorType::ALL.into_iter().flat_map(|each| [Self::Added(each), Self::Removed(each)]);
        of_types.chain([Self::NewRecoveryCodes])
    }

    /// The change as a clause, with a small letter first.
    fn clause(self, language: Language) -> String {
        let factor = |factor_type| match (language, factor_type) {
            (Language::English, FactorType::Totp) => "an authenticator app",
            (Language::English, FactorType::Sms) => "a phone number",
            (Language::English, FactorType::Email) => "an e-mail address",
            (Language::English, FactorType::Passkey) => "a passkey",
            (Language::English, FactorType::Face) => "a face",
            (Language::Chinese, FactorType::Totp) => "身份验证器",
            (Language::Chinese, FactorType::Sms) => "手机号码",
            (Language::Chinese, FactorType::Email) => "邮箱",
            (Language::Chinese, FactorType::Passkey) => "通行密钥",
            (Language::Chinese, FactorType::Face) => "人脸",
        };
        match (language, self) {
            (Language::English, Self::Added(added)) => format!("{} was added to your account", factor(added)),
            (Language::English, Self::Removed(removed)) => {
                format!("{} was removed from your account", factor(removed))
            }
            (Language::English, Self::NewRecoveryCodes) => "your account has new recovery codes".to_owned(),
            (Language::Chinese, Self::Added(added)) => format!("您的账户已添加{}", factor(added)),
            (Language::Chinese, Self::Removed(removed)) => format!("您的账户已移除{}", factor(removed)),
            (Language::Chinese, Self::NewRecoveryCodes) => "您的账户已更换恢复码".to_owned(),
        }
    }
}

impl Wording {
    /// The message that tells of a change. `None` if it does not fit one SMS, which the start-up has checked.
    #[must_use]
    pub fn notice(&self, to: &Destination, notice: Notice, language: Language) -> Option<Message> {
        let no_code = Zeroizing::default();
        match to {
            Destination::Phone(number) => {
                let text = self.notice_sms(notice, language);
                let (encoding, length) = SmsEncoding::measure(&text);
                let to = number.e164().to_owned();
                let (subject, html, text) = (None, None, Zeroizing::new(text));
                (length <= encoding.limit()).then_some(Message {
                    channel: Channel::Sms,
                    to,
                    subject,
                    text,
                    html,
                    code: no_code,
                })
            }
            Destination::Email(address) => {
                let (subject, sentence, advice) = self.notice_email(notice, language);
                let html = format!(
                    "<!doctype html>\n<html lang=\"{tag}\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
                     <body style=\"font-family: sans-serif\">\n<p>{sentence}</p>\n<p>{advice}</p>\n</body>\n</html>\n",
                    tag = language.tag(),
                    subject = escaped(&subject),
                    sentence = escaped(&sentence),
                    advice = escaped(&advice),
                );
                Some(Message {
                    channel: Channel::Email,
                    to: address.as_typed().to_owned(),
                    subject: Some(subject),
                    text: Zeroizing::new(format!("{sentence}\n\n{advice}\n")),
                    html: Some(Zeroizing::new(html)),
                    code: no_code,
                })
            }
        }
    }

    fn notice_sms(&self, notice: Notice, language: Language) -> String {
        let (product, clause) = (&self.product, notice.clause(language));
        match language {
            Language::English if SmsEncoding::measure(product).0 == SmsEncoding::Gsm7 => {
                format!("{product}: {clause}. If this was not you, contact us at once.")
            }
            // A text that needs UCS-2 has room for 70 characters, so the words around the name must be few.
            Language::English => format!("{product}: factor changed. Not you? Contact us."),
            Language::Chinese => format!("{product}：{clause}。如非本人操作，请立即联系我们。"),
        }
    }

    /// Subject, sentence and advice.
    fn notice_email(&self, notice: Notice, language: Language) -> (String, String, String) {
        let (product, clause) = (&self.product, notice.clause(language));
        match language {
            Language::English => (
                format!("{product}: {clause}"),
                format!("This is a notice from {product}: {clause}."),
                format!("If this was not you, contact {product} at once. Somebody else may know your password."),
            ),
            Language::Chinese => (
                format!("{product}：{clause}"),
                format!("{product} 通知：{clause}。"),
                format!("如果不是您本人的操作，请立即联系 {product}。您的密码可能已泄露。"),
            ),
        }
    }

    /// Checks that every notice fits one SMS.
    pub(super) fn check_notices(&self) -> Result<(), WordingError> {
        for language in Language::ALL {
            for notice in Notice::all() {
                let (encoding, length) = SmsEncoding::measure(&self.notice_sms(notice, language));
                if length > encoding.limit() {
                    return Err(WordingError::TooLong { language, platform: None, encoding, length });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::{EmailAddress, PhoneNumber};

    #[test]
    fn a_notice_says_what_has_changed_and_has_no_code() {
        let wording = Wording::new("Example", Some("example.com"), None).unwrap();
        let phone = Destination::Phone(PhoneNumber::parse("+86 138 0013 8000", None).unwrap());
        let sms = wording.notice(&phone, Notice::Added(FactorType::Totp), Language::English).unwrap();
        assert_eq!(
            sms.text.as_str(),
            "Example: an authenticator app was added to your account. If this was not you, contact us at once."
        );
        let address = Destination::Email(EmailAddress::parse("a@example.com").unwrap());
        let mail = wording.notice(&address, Notice::NewRecoveryCodes, Language::Chinese).unwrap();
        assert_eq!(mail.subject.as_deref(), Some("Example：您的账户已更换恢复码"));
        assert!(mail.text.contains("您的账户已更换恢复码") && mail.html.unwrap().contains("zh-Hans"));
        assert!(sms.code.is_empty() && mail.code.is_empty());
    }

    #[test]
    fn every_notice_is_different_and_fits_one_sms() {
        for product in ["Example", "Ünïcödé ✓ Bänk"] {
            let wording = Wording::new(product, None, None).unwrap();
            let mails: Vec<_> = Language::ALL
                .into_iter()
                .flat_map(|language| Notice::all().map(move |notice| (notice, language)))
                .map(|(notice, language)| wording.notice_email(notice, language).0)
                .collect();
            let distinct: std::collections::BTreeSet<_> = mails.iter().collect();
            assert_eq!(distinct.len(), mails.len());
        }
        let longest = "N".repeat(98);
        assert!(Wording::new(&longest, None, None).is_err());
    }
}
