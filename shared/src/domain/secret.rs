//! Secrets, each in two types: the plain one, which can't be printed, cloned or serialised and is wiped when dropped,
//! and the stored one, which is sealed or a keyed digest.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::Error;
use super::random::{self, Randomness};

/// The version of the root key that something is stored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(pub u8);

/// Something sealed: readable only with the key of its version and the associated data it was sealed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key version.
    pub version: KeyVersion,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// A keyed digest: HMAC-SHA256 truncated to 128 bits, the least that RFC 2104 section 5 recommends.
#[derive(Clone, Copy, Debug)]
pub struct Digest {
    /// The key version.
    pub version: KeyVersion,
    /// The truncated digest.
    pub bytes: [u8; Digest::LENGTH],
}

impl Digest {
    /// Bytes kept.
    pub const LENGTH: usize = 16;
}

/// In constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for Digest {}

/// The secret that an authenticator app shares: 160 bits (RFC 4226 section 4, R6).
pub struct TotpSecret(Zeroizing<[u8; TotpSecret::LENGTH]>);

impl TotpSecret {
    /// Bytes in a secret.
    pub const LENGTH: usize = 20;

    /// A new secret.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random::bytes(randomness)?)))
    }

    /// A secret that was unsealed; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Its bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Base32 without padding (RFC 4648 section 6), as authenticator apps take it.
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_ref()))
    }
}

/// Six to eight digits: a passcode that was sent, or an authenticator app's code.
pub struct Passcode(Zeroizing<String>);

impl Passcode {
    /// A new passcode of so many digits, leading zeros kept.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(digits: u8, randomness: &dyn Randomness) -> Result<Self, Error> {
        let number = random::below(randomness, 10_u32.pow(u32::from(digits)))?;
        Ok(Self(Zeroizing::new(format!("{number:0width$}", width = usize::from(digits)))))
    }

    /// Its digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A recovery code, in lower-case hexadecimal without its hyphens: 64 bits, or 96 in GenAuth.
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// Bytes in one of ten codes.
    pub const SHORT: usize = 8;
    /// Bytes in GenAuth's single code.
    pub const LONG: usize = 12;

    /// A new code of [`Self::SHORT`] or [`Self::LONG`] bytes.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random<const BYTES: usize>(randomness: &dyn Randomness) -> Result<Self, Error> {
        let bytes = Zeroizing::new(random::bytes::<BYTES>(randomness)?);
        Ok(Self(Zeroizing::new(HEXLOWER.encode(bytes.as_ref()))))
    }

    /// Its digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As it is shown to its owner: `e7ad-aaa4-da75-fa37`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let mut grouped = String::with_capacity(self.0.len() * 5 / 4);
        for (index, digit) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// A code as a person gave it, told apart by its shape.
pub enum Code {
    /// Six to eight digits.
    Digits(Passcode),
    /// 16 or 24 hexadecimal digits.
    Recovery(RecoveryCode),
    /// Neither: it can't be right.
    Other,
}

impl Code {
    /// Reads a code; spaces and hyphens don't matter, nor does the case.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let plain = || text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let length = plain().count();
        if (6..=8).contains(&length) && plain().all(|c| c.is_ascii_digit()) {
            return Self::Digits(Passcode(Zeroizing::new(plain().collect())));
        }
        let of_recovery = length == RecoveryCode::SHORT * 2 || length == RecoveryCode::LONG * 2;
        if of_recovery && plain().all(|c| c.is_ascii_hexdigit()) {
            return Self::Recovery(RecoveryCode(Zeroizing::new(plain().map(|c| c.to_ascii_lowercase()).collect())));
        }
        Self::Other
    }
}
