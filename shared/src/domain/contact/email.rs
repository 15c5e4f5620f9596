//! E-mail addresses: the part of RFC 5321's grammar that SES accepts.

use std::fmt;

use email_address::Options;

use super::{ContactProblem, is_host_name};

/// An e-mail address that SES can send to, as its owner typed it.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    typed: String,
    /// Length in bytes of the part before the `@`.
    local_length: usize,
}

impl EmailAddress {
    /// The longest address in bytes (RFC 5321, 4.5.3.1.3, without the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Parses an address and keeps its upper and lower case. ASCII only, as SES requires (`Destination` in its API
    /// reference).
    ///
    /// The grammar is RFC 5321's without forms that no personal mailbox needs and that make injection possible: quoted
    /// local parts, comments, domain literals, control characters, a domain of a single label.
    ///
    /// # Errors
    /// [`ContactProblem::Malformed`], [`ContactProblem::TooLong`], [`ContactProblem::NotAscii`].
    pub fn parse(text: &str) -> Result<Self, ContactProblem> {
        let typed = text.trim();
        if typed.len() > Self::MAX_BYTES {
            return Err(ContactProblem::TooLong);
        }
        if !typed.is_ascii() {
            return Err(ContactProblem::NotAscii);
        }
        let (local, domain) = typed.rsplit_once('@').ok_or(ContactProblem::Malformed)?;
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        let grammatical = email_address::EmailAddress::parse_with_options(typed, options).is_ok();
        // Some mailers decode `=?…?=` and route by `%` and `!`. They would deliver to a mailbox other than the one that
        // the limits count.
        let reroutes = local.contains(['"', '%', '!']) || local.contains("=?");
        if !grammatical || reroutes || !is_host_name(domain) {
            return Err(ContactProblem::Malformed);
        }
        Ok(Self { typed: typed.to_owned(), local_length: local.len() })
    }

    /// The whole address, as its owner typed it. For sending, sealing and digests only.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// The form in which addresses of one account are compared: in lower case and without a `+tag`.
    #[must_use]
    pub fn comparable_form(&self) -> String {
        let (local, domain) = self.parts();
        let mailbox = match local.split_once('+') {
            Some((mailbox, _)) if !mailbox.is_empty() => mailbox,
            _ => local,
        };
        format!("{mailbox}@{domain}").to_ascii_lowercase()
    }

    /// The form that identifies the mailbox in limits: the comparable form, and for Gmail also without dots and under
    /// one domain. Gmail delivers each of these spellings to one mailbox (Gmail Help, "Dots don't matter in Gmail
    /// addresses"), so that without this one mailbox would have thousands of budgets. Elsewhere a dot may distinguish two
    /// people.
    #[must_use]
    pub fn limit_form(&self) -> String {
        let comparable = self.comparable_form();
        match comparable.rsplit_once('@') {
            Some((mailbox, "gmail.com" | "googlemail.com")) => format!("{}@gmail.com", mailbox.replace('.', "")),
            Some(_) | None => comparable,
        }
    }

    /// The masked address for its owner: `a***@example.com`, or `***@example.com` if the local part is one character.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.parts();
        let shown = if local.len() > 1 { local.get(..1).unwrap_or_default() } else { "" };
        format!("{shown}***@{domain}")
    }

    /// The local part and the domain.
    fn parts(&self) -> (&str, &str) {
        let (local, domain) = self.typed.split_at_checked(self.local_length).unwrap_or((&self.typed, ""));
        (local, domain.strip_prefix('@').unwrap_or(domain))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_stay_as_typed_and_are_counted_by_mailbox() {
        let table = [
            ("alice@example.com", "alice@example.com", "alice@example.com", "a***@example.com"),
            (" Alice@Example.COM\n", "Alice@Example.COM", "alice@example.com", "A***@Example.COM"),
            ("alice+bank@example.com", "alice+bank@example.com", "alice@example.com", "a***@example.com"),
            ("a+b+c@example.com", "a+b+c@example.com", "a@example.com", "a***@example.com"),
            ("+tag@example.com", "+tag@example.com", "+tag@example.com", "+***@example.com"),
            ("x@example.com", "x@example.com", "x@example.com", "***@example.com"),
            (
                "o'neil_1/2@mail.example.co.uk",
                "o'neil_1/2@mail.example.co.uk",
                "o'neil_1/2@mail.example.co.uk",
                "o***@mail.example.co.uk",
            ),
            (
                "me@xn--fsqu00a.xn--0zwm56d",
                "me@xn--fsqu00a.xn--0zwm56d",
                "me@xn--fsqu00a.xn--0zwm56d",
                "m***@xn--fsqu00a.xn--0zwm56d",
            ),
        ];
        for (text, typed, counted, masked) in table {
            let address = EmailAddress::parse(text).unwrap();
            assert_eq!(address.as_typed(), typed);
            assert_eq!(address.limit_form(), counted);
            assert_eq!(address.masked(), masked);
            assert_eq!(format!("{address:?}"), "EmailAddress(…)");
        }
    }

    #[test]
    fn spellings_of_one_gmail_mailbox_have_one_limit_and_stay_different_addresses() {
        let parse = |text: &str| EmailAddress::parse(text).unwrap();
        for text in ["alicesmith@gmail.com", "Alice.Smith+bank@Gmail.com", "a.l.i.c.e.smith@googlemail.com"] {
            assert_eq!(parse(text).limit_form(), "alicesmith@gmail.com", "{text}");
        }
        for text in ["alice.smith@example.com", "alice.smith@mail.gmail.com", "alice.smith@gmail.com.example"] {
            assert_eq!(parse(text).limit_form(), text, "a dot may tell two mailboxes apart");
        }
        assert_eq!(parse("Alice.Smith+bank@Gmail.com").comparable_form(), "alice.smith@gmail.com");
        assert_eq!(parse("Alice.Smith+bank@Gmail.com").masked(), "A***@Gmail.com");
    }

    #[test]
    fn a_malformed_non_ascii_or_too_long_address_is_refused() {
        let table = [
            "",
            "alice",
            "@example.com",
            "alice@",
            "alice@localhost",
            "alice@example..com",
            "alice@.example.com",
            "alice@example.com.",
            "alice@-example.com",
            "alice@exam$ple.com",
            "alice@[192.0.2.1]",
            "alice@192.0.2.1",
            "alice@bob@example.com",
            "al ice@example.com",
            ".alice@example.com",
            "alice.@example.com",
            "\"alice\"@example.com",
            "\"al ice\"@example.com",
            "alice(comment)@example.com",
            "alice@example.com(comment)",
            "Alice <alice@example.com>",
            "<alice@example.com>",
            "alice@example.com,bob@example.com",
            "alice@example.com;bob@example.com",
            "alice@example.com\r\nBcc: bob@example.com",
            "alice\n@example.com",
            "alice\0@example.com",
            "alice\t@example.com",
            "mailto:alice@example.com\u{7f}",
        ];
        for text in table {
            assert_eq!(EmailAddress::parse(text), Err(ContactProblem::Malformed), "{text:?}");
        }
        assert_eq!(EmailAddress::parse("用户@example.com"), Err(ContactProblem::NotAscii));
        assert_eq!(EmailAddress::parse("alice@例子.测试"), Err(ContactProblem::NotAscii));

        let labels = format!("{0}.{0}.{0}", "d".repeat(60));
        let longest = format!("{}@{labels}.com", "a".repeat(64));
        assert!(longest.len() <= EmailAddress::MAX_BYTES && EmailAddress::parse(&longest).is_ok());
        let longer = format!("{}@{labels}.{}", "a".repeat(64), "e".repeat(60));
        assert_eq!(EmailAddress::parse(&longer), Err(ContactProblem::TooLong));
        assert_eq!(EmailAddress::parse(&format!("{}@example.com", "a".repeat(65))), Err(ContactProblem::Malformed));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*", typed in "[ -~]{0,30}") {
            let _ = EmailAddress::parse(&text);
            let _ = EmailAddress::parse(&typed);
        }

        #[test]
        fn a_masked_address_shows_at_most_the_first_letter_of_the_local_part(local in "[A-Za-z0-9+_.-]{1,20}", domain in "[a-z]{2,9}\\.[a-z]{2,3}") {
            if let Ok(address) = EmailAddress::parse(&format!("{local}@{domain}")) {
                let first = if local.len() > 1 { &local[..1] } else { "" };
                prop_assert_eq!(address.masked(), format!("{first}***@{domain}"));
                prop_assert!(!address.limit_form().is_empty());
            }
        }
    }
}
