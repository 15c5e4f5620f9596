//! Secrets. Each has two types: the plain one can't be printed, cloned or serialised, and is wiped when dropped; the
//! stored one is sealed or a keyed digest.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::Error;
use super::random::{self, Randomness};

/// The version of the master key that protects a stored value, from 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(pub u8);

/// A sealed value. Opening it takes the key of its version and the same associated data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key version.
    pub version: KeyVersion,
    /// The nonce, the ciphertext and the tag, in this order.
    pub bytes: Vec<u8>,
}

/// A keyed digest: HMAC-SHA256 truncated to 128 bits, the least that RFC 2104 section 5 recommends.
#[derive(Clone, Copy, Debug)]
pub struct Digest {
    /// The key version.
    pub version: KeyVersion,
    /// The first 128 bits of the HMAC.
    pub bytes: [u8; Digest::LENGTH],
}

impl Digest {
    /// Length in bytes.
    pub const LENGTH: usize = 16;
}

/// Compares the digests in constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for Digest {}

/// The shared secret of an authenticator app: 160 bits (RFC 4226 section 4, R6).
pub struct TotpSecret(Zeroizing<[u8; TotpSecret::LENGTH]>);

impl TotpSecret {
    /// Length in bytes.
    pub const LENGTH: usize = 20;

    /// A new random secret.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random::bytes(randomness)?)))
    }

    /// The secret from its unsealed bytes; `None` if the length is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The secret bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// The secret in Base32 without padding (RFC 4648 section 6), the form that authenticator apps accept.
    #[must_use]
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_ref()))
    }
}

/// Six to eight digits: a passcode that was sent, or an authenticator app's code.
pub struct Passcode(Zeroizing<String>);

impl Passcode {
    /// A new random passcode with this number of digits, leading zeros included.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(digits: u8, randomness: &dyn Randomness) -> Result<Self, Error> {
        let number = random::below(randomness, 10_u32.pow(u32::from(digits)))?;
        Ok(Self(Zeroizing::new(format!("{number:0width$}", width = usize::from(digits)))))
    }

    /// The digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A recovery code in lower-case hexadecimal, without hyphens: 64 bits, or 96 where it stands alone.
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// Length in bytes of a code in a set.
    pub const SHORT: usize = 8;
    /// Length in bytes of GenAuth's single code.
    pub const LONG: usize = 12;

    /// A new random code of [`Self::SHORT`] or [`Self::LONG`] bytes.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random<const BYTES: usize>(randomness: &dyn Randomness) -> Result<Self, Error> {
        let bytes = Zeroizing::new(random::bytes::<BYTES>(randomness)?);
        Ok(Self(Zeroizing::new(HEXLOWER.encode(bytes.as_ref()))))
    }

    /// The digits.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code in groups of four, as its owner sees it: `e7ad-aaa4-da75-fa37`.
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

/// A code as a person typed it, classified by its form.
pub enum Code {
    /// Six to eight digits: a passcode or an app's code.
    Digits(Passcode),
    /// 16 or 24 hexadecimal digits: a recovery code.
    Recovery(RecoveryCode),
    /// Any other text, which can't be a right code.
    Other,
}

impl Code {
    /// Parses a code. Spaces, hyphens and the case are ignored.
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
