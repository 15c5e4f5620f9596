//! Links to photos. A link comes from a client, so a server that fetched any link would open its own network to that
//! client. A link is therefore fetched only from a host that the operator named, only over HTTPS at its usual port, and
//! only if every address of the host is public.
//!
//! A request goes to the name in the operator's list and never to text of the link. So no two readers of a link can
//! differ in its host.

use std::fmt;

use async_trait::async_trait;

mod address;
#[cfg(feature = "aws")]
pub mod https;

pub use address::is_public;

/// The longest link, in bytes: enough for a presigned link of S3 with a session token.
pub const MOST_LINK_BYTES: usize = 4096;

/// The most bytes of a photo that are fetched.
pub const MOST_PHOTO_BYTES: usize = 3 * 1024 * 1024;

/// The hosts that photos are fetched from. Without any, no link is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoHosts(Vec<String>);

/// The entry of a list that is not the name of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHost(pub String);

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not the full name of a host, such as photos.example.com", self.0)
    }
}

impl std::error::Error for InvalidHost {}

/// The reason why a text is not a link to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidLink {
    /// It is no absolute HTTPS URL of ASCII characters, is too long, or has a fragment.
    Malformed,
    /// It names none of the operator's hosts, or names one with a user, with another port or with other spelling than
    /// upper and lower case.
    OtherHost,
}

impl fmt::Display for InvalidLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the link is not a plain HTTPS URL",
            Self::OtherHost => "photos are not fetched from the link's host",
        })
    }
}

impl std::error::Error for InvalidLink {}

impl PhotoHosts {
    /// Reads a list of host names with commas between them. An empty text is an empty list. International names are
    /// written in their ASCII form (`xn--…`), as DNS has them.
    ///
    /// # Errors
    /// [`InvalidHost`] with the first entry that is not a host's full name. An IP address is none.
    pub fn parse(list: &str) -> Result<Self, InvalidHost> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let host = |entry: &str| {
            let host = entry.to_ascii_lowercase();
            if is_full_name(&host) { Ok(host) } else { Err(InvalidHost(entry.to_owned())) }
        };
        entries.map(host).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is no host, so that no link is valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a link to a photo at one of these hosts.
    ///
    /// # Errors
    /// Any [`InvalidLink`].
    pub fn link(&self, text: &str) -> Result<PhotoLink, InvalidLink> {
        if text.len() > MOST_LINK_BYTES || !text.bytes().all(is_url_byte) {
            return Err(InvalidLink::Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidLink::Malformed)?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(InvalidLink::Malformed);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.strip_suffix(":443").unwrap_or(authority);
        let host = self.0.iter().find(|name| name.eq_ignore_ascii_case(host)).ok_or(InvalidLink::OtherHost)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(PhotoLink { host: host.clone(), path: format!("{slash}{path}") })
    }
}

/// Whether a text is a host's full name in lower case (RFC 1123, section 2.1): two labels or more of letters, digits and
/// hyphens. The last one begins with a letter, as every top-level domain does, so no notation of an IP address is a name.
fn is_full_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit_once('.').map(|(_, last)| last);
    text.len() <= 253
        && text.split('.').all(is_label)
        && last.is_some_and(|last| last.starts_with(|first: char| first.is_ascii_lowercase()))
}

/// Whether a byte may stand in a URL without a fragment (RFC 3986, appendix A). A backslash may not: browsers read it as
/// a slash.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte)
}

/// A link to a photo at one of the operator's hosts. A query may contain a signature that opens the photo to everyone, so
/// `Debug` shows only the host.
#[derive(Clone, PartialEq, Eq)]
pub struct PhotoLink {
    host: String,
    path: String,
}

impl PhotoLink {
    /// The host, as [`PhotoHosts`] has it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path and the query, as the link has them. It begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Debug for PhotoLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhotoLink").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The reason why a photo was not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// An address of the host is not public. Nothing was sent.
    NotPublic,
    /// The host was not found or not reached, proved no name by TLS, or sent no complete answer in time.
    NoAnswer,
    /// The host answered with this status and not with 200. A redirect is not followed.
    Status(u16),
    /// The answer has more bytes than [`MOST_PHOTO_BYTES`].
    TooLarge,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublic => f.write_str("the host has an address that is not public"),
            Self::NoAnswer => f.write_str("the host gave no complete answer"),
            Self::Status(status) => write!(f, "the host answered with status {status}"),
            Self::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

impl std::error::Error for LinkError {}

/// Fetches photos.
#[async_trait]
pub trait PhotoLinks: Send + Sync {
    /// The bytes at a link, of whatever kind they are: [`MOST_PHOTO_BYTES`] at most. One attempt, which follows no
    /// redirect.
    ///
    /// # Errors
    /// Any [`LinkError`].
    async fn fetch(&self, link: &PhotoLink) -> Result<Vec<u8>, LinkError>;
}

#[cfg(test)]
mod tests;
