//! The public keys of credentials: read from COSE (RFC 9052, RFC 9053, RFC 8230), kept in a compact form.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::cbor::Item;

/// A signature algorithm of the COSE registry (WebAuthn L3 section 5.8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ES256: ECDSA on P-256 with SHA-256. Every authenticator of a phone or computer except those of older Windows.
    Es256,
    /// `EdDSA` on Ed25519.
    EdDsa,
    /// RS256: RSASSA-PKCS1-v1_5 with SHA-256. Windows Hello on a TPM.
    Rs256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The identifier in COSE.
    #[must_use]
    pub const fn id(self) -> i32 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
        }
    }

    /// The first byte of [`PublicKey::to_bytes`].
    const fn tag(self) -> u8 {
        match self {
            Self::Es256 => 1,
            Self::EdDsa => 2,
            Self::Rs256 => 3,
        }
    }
}

/// The public key of a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    /// ES256: the compressed point (SEC 1 section 2.3.3). `EdDSA`: RFC 8032 section 5.1.2. RS256: the modulus, big-endian
    /// and without leading zeros.
    key: Vec<u8>,
}

/// A public key tells which authenticator a person has, so it is not printed.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, …)", self.algorithm)
    }
}

/// Names of the parameters of a COSE key, and their values here (RFC 9052 section 7, RFC 9053 section 7, RFC 8230
/// section 4).
mod parameter {
    pub(super) const KTY: i128 = 1;
    pub(super) const ALG: i128 = 3;
    pub(super) const KTY_OKP: i128 = 1;
    pub(super) const KTY_EC2: i128 = 2;
    pub(super) const KTY_RSA: i128 = 3;
    /// The curve of EC2 and OKP keys.
    pub(super) const CRV: i128 = -1;
    pub(super) const X: i128 = -2;
    pub(super) const Y: i128 = -3;
    pub(super) const CRV_P256: i128 = 1;
    pub(super) const CRV_ED25519: i128 = 6;
    /// The modulus of RSA keys.
    pub(super) const N: i128 = -1;
    pub(super) const E: i128 = -2;
}

/// The public exponent 65537. Authenticators use no other.
const EXPONENT: &[u8] = &[1, 0, 1];

/// The shortest and the longest modulus in bytes: 2048 and 4096 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

impl PublicKey {
    /// Reads a key from its COSE map, which has the parameters of its type and no other (WebAuthn L3 section 6.5.1.1).
    ///
    /// An Ed25519 key whose bytes are no point of the curve is not recognised. aws-lc decodes the point when it verifies:
    /// `ParsedPublicKey` takes any 32 bytes, and aws-lc's own check of a point has no Rust function. No signature passes
    /// with such a key.
    pub(super) fn from_cose(item: &Item<'_>) -> Option<Self> {
        use parameter::{ALG, CRV, CRV_ED25519, CRV_P256, E, KTY, KTY_EC2, KTY_OKP, KTY_RSA, N, X, Y};

        let Item::Map(entries) = item else { return None };
        let integer = |name: i128| match item.get(&Item::Integer(name)) {
            Some(Item::Integer(value)) => Some(*value),
            _ => None,
        };
        let bytes = |name: i128| item.get(&Item::Integer(name)).and_then(Item::as_bytes);
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| integer(ALG) == Some(algorithm.id().into()))?;
        let (size, kty) = match algorithm {
            Algorithm::Es256 => (5, KTY_EC2),
            Algorithm::EdDsa => (4, KTY_OKP),
            Algorithm::Rs256 => (4, KTY_RSA),
        };
        if entries.len() != size || integer(KTY) != Some(kty) {
            return None;
        }
        let key = match algorithm {
            Algorithm::Es256 if integer(CRV) == Some(CRV_P256) => compressed(bytes(X)?, bytes(Y)?)?,
            Algorithm::EdDsa if integer(CRV) == Some(CRV_ED25519) => bytes(X)?.to_vec(),
            Algorithm::Rs256 if bytes(E) == Some(EXPONENT) => bytes(N)?.to_vec(),
            _ => return None,
        };
        Self { algorithm, key }.checked()
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The compact form: a byte for the algorithm, then 33 bytes for ES256, 32 for `EdDSA`, 256 to 512 for RS256.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.key.len());
        bytes.push(self.algorithm.tag());
        bytes.extend(&self.key);
        bytes
    }

    /// Reads the compact form. `None` for any other bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, key) = bytes.split_first()?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.tag() == *tag)?;
        Self { algorithm, key: key.to_vec() }.checked()
    }

    /// Whether a signature of this key over a message is right.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Es256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key).verify(message, signature),
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature),
            Algorithm::Rs256 => RsaPublicKeyComponents { n: self.key.as_slice(), e: EXPONENT }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        verified.is_ok()
    }

    /// Whether aws-lc reads the key as [`Self::verifies`] gives it.
    #[cfg(fuzzing)]
    pub(super) fn is_readable(&self) -> bool {
        let read = match self.algorithm {
            Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key),
            Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, &self.key),
            Algorithm::Rs256 => RsaPublicKeyComponents { n: self.key.as_slice(), e: EXPONENT }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
        };
        read.is_ok()
    }

    /// The key, if its bytes have the form of its algorithm.
    fn checked(self) -> Option<Self> {
        let fits = match self.algorithm {
            Algorithm::Es256 => self.key.len() == 33 && matches!(self.key.first(), Some(2 | 3)),
            Algorithm::EdDsa => <[u8; 32]>::try_from(self.key.as_slice()).is_ok_and(|key| has_large_order(&key)),
            Algorithm::Rs256 => {
                let (first, last) = (self.key.first().copied().unwrap_or(0), self.key.last().copied().unwrap_or(0));
                // 2048 bits in 256 bytes have the top bit set. A product of odd primes is odd.
                let starts = if self.key.len() == *MODULUS.start() { first >= 0x80 } else { first > 0 };
                MODULUS.contains(&self.key.len()) && starts && last % 2 == 1
            }
        };
        fits.then_some(self)
    }
}

/// The compressed form of a point of P-256. `None` if it is not on the curve.
fn compressed(x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], x, y].concat()).ok()?;
    let sign = 2 + (y.last()? & 1);
    Some([&[sign], x].concat())
}

/// Whether 32 bytes may encode an Ed25519 point of large order. A signature can be forged for a point of small order
/// without any private key, and aws-lc does not refuse such a point. The order depends on y alone, apart from the sign
/// bit. Encodings of y + p are refused too (RFC 8032 section 5.1.3).
fn has_large_order(key: &[u8; 32]) -> bool {
    /// p = 2^255 − 19, little-endian.
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };
    /// y of the points of order 1, 2, 4 and 8, little-endian.
    const SMALL: [[u8; 32]; 5] = [
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        {
            let mut minus_one = P;
            minus_one[0] = 0xec;
            minus_one
        },
        [0; 32],
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *key;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    y.iter().rev().lt(P.iter().rev()) && !SMALL.contains(&y)
}
