//! The relying party: the application whose users have passkeys.

use aws_lc_rs::digest::{SHA256, digest};

/// The relying party: the id that credentials are scoped to, and the origins that may use them (section 13.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    name: String,
    origins: Vec<String>,
}

impl RelyingParty {
    /// The rule for an id, worded as the end of a sentence.
    pub const ID_RULE: &str = "must be a domain in lower case, such as example.com";
    /// The rule for the origins, worded as the end of a sentence.
    pub const ORIGINS_RULE: &str = "must be origins like https://login.example.com";

    /// A relying party.
    ///
    /// # Errors
    /// [`Self::ID_RULE`] or [`Self::ORIGINS_RULE`]. An origin must be in the form of client data (RFC 6454, section 6.2),
    /// because it is compared as a text: `https://`, or `http://localhost` for development, or
    /// `android:apk-key-hash:` of an app. Its host is not compared with the id, because related origin requests (section
    /// 5.11) exist for other hosts.
    pub fn new(id: &str, name: &str, origins: &[&str]) -> Result<Self, &'static str> {
        if !is_domain(id) {
            return Err(Self::ID_RULE);
        }
        if origins.is_empty() || !origins.iter().all(|origin| is_origin(origin)) {
            return Err(Self::ORIGINS_RULE);
        }
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Ok(Self { id: id.to_owned(), name: name.to_owned(), origins })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that an authenticator may show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origins that may use its credentials, as client data has them.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Whether a response may come from this origin.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether `hash` is the SHA-256 hash of the id.
    pub(super) fn has_hash(&self, hash: &[u8]) -> bool {
        digest(&SHA256, self.id.as_bytes()).as_ref() == hash
    }
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address of IPv4 ends in a number. It is no domain, and browsers take none as an id.
    let last_is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(is_label) && !last_is_number
}

fn is_origin(text: &str) -> bool {
    let is_host = |host: &str| match host.split_once(':') {
        None => is_domain(host),
        Some((host, port)) => is_domain(host) && port.parse::<u16>().is_ok_and(|number| number.to_string() == port),
    };
    if let Some(hash) = text.strip_prefix("android:apk-key-hash:") {
        return data_encoding::BASE64URL_NOPAD.decode(hash.as_bytes()).is_ok_and(|hash| hash.len() == 32);
    }
    let local = text.strip_prefix("http://").filter(|host| host.split(':').next() == Some("localhost"));
    let standard_port =
        text.starts_with("https://") && text.ends_with(":443") || local.is_some() && text.ends_with(":80");
    text.strip_prefix("https://").or(local).is_some_and(is_host) && !standard_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_domain_in_lower_case() {
        let id = |id: &str| RelyingParty::new(id, "Example", &["https://example.com"]);
        for domain in ["example.com", "login.example.com", "localhost", "xn--bcher-kva.example", "a1.b2"] {
            assert!(id(domain).is_ok(), "{domain}");
        }
        for other in
            ["", "Example.com", "https://example.com", "example.com:443", "example.com/", ".com", "a..b", "-a.b"]
        {
            assert_eq!(id(other), Err(RelyingParty::ID_RULE), "{other}");
        }
        assert_eq!(id("127.0.0.1"), Err(RelyingParty::ID_RULE));
    }

    #[test]
    fn an_origin_has_the_form_that_browsers_send() {
        let origins = |origins: &[&str]| RelyingParty::new("example.com", "Example", origins);
        for origin in [
            "https://example.com",
            "https://login.example.com:8443",
            "https://example.co.uk",
            "http://localhost",
            "http://localhost:3000",
            "android:apk-key-hash:7d1043473d55bfa90e8530d35801d4e381bc69f0fcE",
        ] {
            assert!(origins(&["https://example.com", origin]).is_ok(), "{origin}");
        }
        for other in [
            "",
            "example.com",
            "http://example.com",
            "http://localhost.example.com",
            "https://example.com/",
            "https://Example.com",
            "https://example.com:443",
            "http://localhost:80",
            "https://example.com:08443",
            "https://example.com:",
            "https://*.example.com",
            "null",
            "*",
            "android:apk-key-hash:short",
        ] {
            assert_eq!(origins(&["https://example.com", other]), Err(RelyingParty::ORIGINS_RULE), "{other}");
        }
        assert_eq!(origins(&[]), Err(RelyingParty::ORIGINS_RULE));
    }
}
