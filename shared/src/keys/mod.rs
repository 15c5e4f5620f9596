//! Keys: one root secret per key version, and the keys derived from it.
//!
//! A [`Keys`] adapter derives 32 bytes from a master key that it guards. From these bytes HKDF (RFC 5869) derives the
//! version's sealing key and digest key, and the index key, each under its own label.

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::domain::error::Error;
use crate::domain::ids::{FactorId, UserId};
use crate::domain::limits::UserTag;
use crate::domain::random::{self, Randomness};
use crate::domain::secret::{Digest, KeyVersion, Passcode, RecoveryCode, Sealed};
use crate::domain::token::NonceDigest;
use crate::domain::transaction::TransactionHash;
pub use crate::domain::vault::Purpose;

pub mod file;
#[cfg(feature = "aws")]
pub mod kms;
pub mod signing;
pub mod vault;

/// The input of the MAC that gives the root secret: the fixed input of SP 800-108's one-block KDF.
pub const ROOT_LABEL: &[u8] = b"countersign/root/v1";

const TOO_SHORT: Error = Error::Internal("a digest is too short");

/// A derived secret of 32 bytes, wiped when dropped.
pub type Root = Zeroizing<[u8; 32]>;

/// A master key can't be used at the moment: KMS or the file is unreachable, refuses, or has no such key. The text is
/// for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysError(pub &'static str);

/// Master keys, one per version.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The configured versions, at least one. The first seals; every version opens; the lowest is the oldest.
    fn versions(&self) -> &[KeyVersion];

    /// HMAC-SHA256 of `input` under the master key of a version. It is deterministic, so nothing has to be stored.
    ///
    /// # Errors
    /// [`KeysError`]; the call can be repeated.
    async fn derive(&self, version: KeyVersion, input: &[u8]) -> Result<Root, KeysError>;
}

/// The keys of every version, in memory. Each call takes microseconds.
pub struct Keyring {
    current: KeyVersion,
    versions: Vec<(KeyVersion, VersionKeys)>,
    /// Configured versions whose master key could not be used.
    missing: Vec<KeyVersion>,
    index: hmac::Key,
}

struct VersionKeys {
    sealing: LessSafeKey,
    digest: hmac::Key,
}

impl Keyring {
    /// Derives all keys, with one call per version.
    ///
    /// Two versions are required: the one that seals, and the oldest, which gives the index key. Any other may be
    /// missing. In the first step of a rotation, the permission to use the new key takes effect some seconds after the
    /// key exists, and nothing is sealed under it yet.
    ///
    /// # Errors
    /// [`KeysError`] of the first failed call for a required version, or when no version is configured.
    pub async fn load(keys: &dyn Keys) -> Result<Self, KeysError> {
        let (mut versions, mut missing) = (Vec::new(), Vec::new());
        let mut index = None;
        // The oldest version gives the index key, whichever seals: so the index stays the same through a rotation.
        let (current, oldest) = (keys.versions().first(), keys.versions().iter().min());
        for version in keys.versions() {
            let root = match keys.derive(*version, ROOT_LABEL).await {
                Err(error) if Some(version) != current && Some(version) != oldest => {
                    tracing::warn!(keys.version = version.0, keys.error = error.0, "a master key can't be used yet");
                    missing.push(*version);
                    continue;
                }
                root => root?,
            };
            versions.push((*version, VersionKeys::of(&root)?));
            if Some(version) == oldest {
                index = Some(expand(&root, b"countersign/index/v1")?);
            }
        }
        let (Some(&current), Some(index)) = (current, index) else {
            return Err(KeysError("no key version is configured"));
        };
        Ok(Self { current, versions, missing, index: hmac::Key::new(hmac::HMAC_SHA256, index.as_ref()) })
    }

    /// Whether every configured version can be used.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// The version that seals.
    #[must_use]
    pub fn current(&self) -> KeyVersion {
        self.current
    }

    /// Seals bytes with AES-256-GCM. The user, the factor and the purpose are the associated data.
    ///
    /// # Errors
    /// [`Error::Internal`] if the cipher or the source of randomness fails.
    pub fn seal(
        &self,
        purpose: Purpose,
        user: &UserId,
        factor: &FactorId,
        plain: &[u8],
        randomness: &dyn Randomness,
    ) -> Result<Sealed, Error> {
        self.seal_with(associated(purpose, user, factor), plain, randomness)
    }

    /// Seals a value about something that is not a factor: its purpose first, then what identifies it.
    ///
    /// # Errors
    /// As [`Keyring::seal`].
    pub fn seal_about(&self, about: &[&str], plain: &[u8], randomness: &dyn Randomness) -> Result<Sealed, Error> {
        self.seal_with(joined(about), plain, randomness)
    }

    /// Opens a value that was sealed by [`Keyring::seal_about`] about the same.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_about(&self, about: &[&str], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_with(joined(about), sealed)
    }

    fn seal_with(&self, about: Aad<Vec<u8>>, plain: &[u8], randomness: &dyn Randomness) -> Result<Sealed, Error> {
        let nonce: [u8; NONCE_LEN] = random::bytes(randomness)?;
        let mut bytes = nonce.to_vec();
        let mut text = plain.to_vec();
        self.version(self.current)?
            .sealing
            .seal_in_place_append_tag(Nonce::from(&nonce), about, &mut text)
            .map_err(|_| Error::Internal("encryption failed"))?;
        bytes.append(&mut text);
        Ok(Sealed { version: self.current, bytes })
    }

    /// Opens a value that was sealed for the same user, factor and purpose.
    ///
    /// # Errors
    /// [`Error::Internal`] if the value was sealed for something else, is damaged, or needs a key version that is not
    /// configured. [`Error::Busy`] if that version can't be used yet.
    pub fn open(
        &self,
        purpose: Purpose,
        user: &UserId,
        factor: &FactorId,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_with(associated(purpose, user, factor), sealed)
    }

    fn open_with(&self, about: Aad<Vec<u8>>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        const DAMAGED: Error = Error::Internal("a sealed value can't be decrypted");
        let (nonce, text) = sealed.bytes.split_first_chunk::<NONCE_LEN>().ok_or(DAMAGED)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .version(sealed.version)?
            .sealing
            .open_in_place(Nonce::from(nonce), about, &mut text)
            .map_err(|_| DAMAGED)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// The digest of a passcode, bound to one user, one enrolment or challenge, and one transaction if there is any. So
    /// a change of the stored transaction, or its removal, makes the code wrong.
    ///
    /// # Errors
    /// [`Error::Internal`] if the key version is not configured; [`Error::Busy`] if it can't be used yet.
    pub fn passcode_digest(
        &self,
        version: KeyVersion,
        user: &UserId,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: Option<&TransactionHash>,
        code: &Passcode,
    ) -> Result<Digest, Error> {
        let parts = [b"passcode", user.as_str().as_bytes(), factor.as_str().as_bytes(), &nonce.0];
        let parts: Vec<_> = parts.into_iter().chain(transaction.map(|hash| hash.0.as_slice())).collect();
        self.digest(version, &parts, code.expose().as_bytes())
    }

    /// The digest of a challenge's transaction, bound to one user and one challenge. It has a key because amounts and
    /// payees are few, and a reader of the table could guess them.
    ///
    /// # Errors
    /// [`Error::Internal`] if the key version is not configured; [`Error::Busy`] if it can't be used yet.
    pub fn transaction_digest(
        &self,
        version: KeyVersion,
        user: &UserId,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: &TransactionHash,
    ) -> Result<Digest, Error> {
        let parts = [b"transaction", user.as_str().as_bytes(), factor.as_str().as_bytes(), &nonce.0];
        self.digest(version, &parts, &transaction.0)
    }

    /// The digest of a user's recovery code.
    ///
    /// # Errors
    /// [`Error::Internal`] if the key version is not configured; [`Error::Busy`] if it can't be used yet.
    pub fn recovery_digest(&self, version: KeyVersion, user: &UserId, code: &RecoveryCode) -> Result<Digest, Error> {
        self.digest(version, &[b"recovery", user.as_str().as_bytes()], code.expose().as_bytes())
    }

    /// A 128-bit keyed digest of a value that must be recognised but never read, such as a destination. It does not
    /// depend on the version that seals, so limits survive a rotation.
    ///
    /// # Errors
    /// [`Error::Internal`] if the MAC is shorter than 128 bits, which SHA-256's never is.
    pub fn index(&self, kind: &str, parts: &[&str]) -> Result<[u8; 16], Error> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let tag = sign(&self.index, &parts, kind.as_bytes());
        tag.as_ref().first_chunk().copied().ok_or(TOO_SHORT)
    }

    /// A user as the limit of a destination counts them.
    ///
    /// # Errors
    /// As [`Keyring::index`].
    pub fn user_tag(&self, user: &UserId) -> Result<UserTag, Error> {
        self.index("user", &[user.as_str()])?.first_chunk().copied().map(UserTag).ok_or(TOO_SHORT)
    }

    fn digest(&self, version: KeyVersion, parts: &[&[u8]], secret: &[u8]) -> Result<Digest, Error> {
        let tag = sign(&self.version(version)?.digest, parts, secret);
        let bytes = tag.as_ref().first_chunk().copied().ok_or(TOO_SHORT)?;
        Ok(Digest { version, bytes })
    }

    fn version(&self, version: KeyVersion) -> Result<&VersionKeys, Error> {
        self.versions.iter().find_map(|(each, keys)| (*each == version).then_some(keys)).ok_or_else(|| {
            if self.missing.contains(&version) {
                return Error::Busy;
            }
            Error::Internal("a stored value needs a key version that is not configured")
        })
    }
}

impl VersionKeys {
    fn of(root: &Root) -> Result<Self, KeysError> {
        let sealing = UnboundKey::new(&AES_256_GCM, expand(root, b"countersign/seal/v1")?.as_ref())
            .map_err(|_| KeysError("the sealing key has the wrong length"))?;
        let digest = hmac::Key::new(hmac::HMAC_SHA256, expand(root, b"countersign/digest/v1")?.as_ref());
        Ok(Self { sealing: LessSafeKey::new(sealing), digest })
    }
}

/// HKDF-SHA256 (RFC 5869) of the root with a label.
fn expand(root: &Root, label: &[u8]) -> Result<Root, KeysError> {
    let mut key = Root::default();
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(root.as_ref())
        .expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|expanded| expanded.fill(key.as_mut()))
        .map_err(|_| KeysError("HKDF could not expand a key"))?;
    Ok(key)
}

/// HMAC over several parts. Each part is preceded by its length, so that no two lists of parts give the same input.
fn sign(key: &hmac::Key, parts: &[&[u8]], secret: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts.iter().chain([&secret]) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign()
}

fn associated(purpose: Purpose, user: &UserId, factor: &FactorId) -> Aad<Vec<u8>> {
    let purpose = match purpose {
        Purpose::TotpSecret => "totp-secret",
        Purpose::Destination => "destination",
        Purpose::FaceReference => "face-reference",
    };
    joined(&[purpose, user.as_str(), factor.as_str()])
}

/// No part can contain a line feed, so the joined text is unambiguous.
fn joined(parts: &[&str]) -> Aad<Vec<u8>> {
    Aad::from(parts.join("\n").into_bytes())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::secret::TotpSecret;

    /// Keys of fixed bytes.
    pub(crate) struct Fixed(pub(crate) Vec<KeyVersion>);

    #[async_trait]
    impl Keys for Fixed {
        fn versions(&self) -> &[KeyVersion] {
            &self.0
        }

        async fn derive(&self, version: KeyVersion, _: &[u8]) -> Result<Root, KeysError> {
            Ok(Root::new([version.0; 32]))
        }
    }

    struct Counting;

    impl Randomness for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
            for (byte, number) in bytes.iter_mut().zip(1..) {
                *byte = number;
            }
            Ok(())
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn keyring(versions: &[u8]) -> Keyring {
        block_on(Keyring::load(&Fixed(versions.iter().copied().map(KeyVersion).collect()))).unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_user_factor_and_purpose_t22() {
        let keys = keyring(&[1]);
        let secret = TotpSecret::random(&Counting).unwrap();
        let id = FactorId::random(&Counting).unwrap();
        let other_id = FactorId::parse("abcdefghijklmnop").unwrap();
        let sealed = keys.seal(Purpose::TotpSecret, &user("alice"), &id, secret.expose(), &Counting).unwrap();
        let opened = keys.open(Purpose::TotpSecret, &user("alice"), &id, &sealed).unwrap();
        assert_eq!(opened.as_slice(), secret.expose());
        assert!(keys.open(Purpose::TotpSecret, &user("bob"), &id, &sealed).is_err());
        assert!(keys.open(Purpose::TotpSecret, &user("alice"), &other_id, &sealed).is_err());
        assert!(keys.open(Purpose::Destination, &user("alice"), &id, &sealed).is_err());
        assert!(!sealed.bytes.windows(20).any(|window| window == secret.expose()));
    }

    #[test]
    fn an_older_version_still_opens_and_a_missing_one_is_an_error() {
        let id = FactorId::random(&Counting).unwrap();
        let sealed = keyring(&[1]).seal(Purpose::Destination, &user("alice"), &id, b"x", &Counting).unwrap();
        assert_eq!(sealed.version, KeyVersion(1));
        let rotated = keyring(&[2, 1]);
        assert_eq!(rotated.open(Purpose::Destination, &user("alice"), &id, &sealed).unwrap().as_slice(), b"x");
        assert_eq!(rotated.current(), KeyVersion(2));
        assert!(keyring(&[2]).open(Purpose::Destination, &user("alice"), &id, &sealed).is_err());
    }

    #[test]
    fn the_index_is_the_same_before_during_and_after_a_rotation() {
        for versions in [[1, 2], [2, 1]] {
            assert_eq!(keyring(&[1]).index("sms", &["+4179"]), keyring(&versions).index("sms", &["+4179"]));
        }
        assert_ne!(keyring(&[1]).index("sms", &["+4179"]), keyring(&[1]).index("email", &["+4179"]));
    }

    /// Keys where one version fails.
    struct Without(Vec<KeyVersion>, KeyVersion);

    #[async_trait]
    impl Keys for Without {
        fn versions(&self) -> &[KeyVersion] {
            &self.0
        }

        async fn derive(&self, version: KeyVersion, input: &[u8]) -> Result<Root, KeysError> {
            if version == self.1 { Err(KeysError("denied")) } else { Fixed(Vec::new()).derive(version, input).await }
        }
    }

    #[test]
    fn a_prepared_key_that_seals_nothing_yet_may_be_unavailable() {
        let load = |versions: &[u8], denied| {
            let versions = versions.iter().copied().map(KeyVersion).collect();
            block_on(Keyring::load(&Without(versions, KeyVersion(denied))))
        };
        let prepared = load(&[1, 2], 2).unwrap();
        assert!(!prepared.is_whole());
        assert_eq!(prepared.index("sms", &["+4179"]), keyring(&[1]).index("sms", &["+4179"]));
        let id = FactorId::random(&Counting).unwrap();
        let sealed = keyring(&[2, 1]).seal(Purpose::Destination, &user("alice"), &id, b"x", &Counting).unwrap();
        assert_eq!(prepared.open(Purpose::Destination, &user("alice"), &id, &sealed).unwrap_err(), Error::Busy);
        for (versions, denied) in [(&[1, 2], 1), (&[2, 1], 2), (&[2, 1], 1)] {
            assert!(load(versions, denied).is_err(), "{denied} of {versions:?}");
        }
        assert!(load(&[3, 2, 1], 9).unwrap().is_whole());
    }

    #[test]
    fn no_version_at_all_is_an_error() {
        assert!(block_on(Keyring::load(&Fixed(Vec::new()))).is_err());
    }
}
