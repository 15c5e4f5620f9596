//! The readers of a client's bytes and the properties that hold for any input. The fuzz target calls them; its folder is
//! `fuzz`.

use super::attestation::AttestationObject;
use super::authenticator_data::{AttestedCredential, AuthenticatorData};
use super::cbor::{self, Item};
use super::{
    Challenge, CredentialId, Demands, Expected, PublicKey, Registered, RegistrationResponse, RelyingParty, Transports,
    verify_registration,
};

/// The context of every registration: the relying party of the standard's vectors, and one challenge.
#[derive(Debug)]
pub struct Fuzzing {
    relying_party: RelyingParty,
    challenge: Challenge,
    client_data: Vec<u8>,
}

impl Fuzzing {
    /// # Errors
    /// As [`RelyingParty::new`].
    pub fn new() -> Result<Self, &'static str> {
        let challenge = Challenge::of([7; 16], None);
        let encoded = challenge.encode();
        let client_data =
            format!(r#"{{"type":"webauthn.create","challenge":"{encoded}","origin":"https://example.org"}}"#);
        Ok(Self {
            relying_party: RelyingParty::new("example.org", "Example", &["https://example.org"])?,
            challenge,
            client_data: client_data.into_bytes(),
        })
    }

    /// Reads the bytes as an item of CBOR, as a key in COSE, as authenticator data and as an attestation object.
    ///
    /// # Panics
    /// If a property does not hold.
    pub fn read(&self, bytes: &[u8]) {
        is_cbor(bytes);
        if is_whole(bytes, |bytes| cbor::read(bytes).is_ok())
            && let Ok(item) = cbor::read(bytes)
            && let Some(key) = PublicKey::from_cose(&item)
        {
            is_usable(&key);
        }
        if is_whole(bytes, |bytes| AuthenticatorData::read(bytes).is_ok())
            && let Ok(AuthenticatorData { attested: Some(AttestedCredential { public_key, .. }), .. }) =
                AuthenticatorData::read(bytes)
        {
            is_usable(&public_key);
        }
        if is_whole(bytes, |bytes| AttestationObject::read(bytes).is_ok()) {
            self.register(bytes);
        }
    }

    /// Registers the credential of an attestation object. A registered credential is the one that authenticator data
    /// names, for the relying party, by a user who was present.
    fn register(&self, object: &[u8]) {
        let Ok(read) = AttestationObject::read(object) else { return };
        let Ok((data, attested)) = read.data() else { return };
        let Some(id) = CredentialId::from_bytes(attested.id) else { return };
        for demands in [&Demands::SECOND_FACTOR, &Demands::SOLE_FACTOR] {
            let expected = Expected { relying_party: &self.relying_party, challenge: &self.challenge, demands };
            let response = |id: &CredentialId| RegistrationResponse {
                id: id.clone(),
                client_data: self.client_data.clone(),
                attestation_object: object.to_vec(),
                transports: Transports::default(),
            };
            let Ok(registered) = verify_registration(&expected, &response(&id)) else { continue };
            assert!(data.verify(&self.relying_party, demands).is_ok());
            assert!(demands.algorithms.contains(&registered.algorithm()));
            is_usable(&registered.public_key);
            let Registered { credential_id, public_key, counter, user_verified, .. } = registered;
            assert!(credential_id == id && public_key == attested.public_key);
            assert!(counter == data.counter && user_verified == data.flags.user_verified());
            let other = [id.as_bytes(), &[0]].concat();
            if let Some(other) = CredentialId::from_bytes(&other) {
                assert!(verify_registration(&expected, &response(&other)).is_err(), "the id of another credential");
            }
        }
    }
}

/// An item that is read has one form: the writer makes the same bytes of it.
fn is_cbor(bytes: &[u8]) {
    if let Ok((item, rest)) = cbor::read_first(bytes) {
        assert_eq!([&item.encode(), rest].concat(), bytes, "another form is read");
        assert_eq!(cbor::read(bytes).is_ok(), rest.is_empty(), "bytes follow the item");
        if let Item::Map(entries) = &item {
            assert!(entries.iter().all(|(key, value)| item.get(key) == Some(value)), "a key is repeated");
        }
    }
}

/// Whether a structure is accepted. It ends where its bytes end: it is refused with one more and with one less.
fn is_whole(bytes: &[u8], accepts: impl Fn(&[u8]) -> bool) -> bool {
    let is_accepted = accepts(bytes);
    if is_accepted {
        assert!(!accepts(&[bytes, &[0]].concat()), "a byte follows");
        let shorter = bytes.split_last().map(|(_, rest)| rest);
        assert!(!shorter.is_some_and(accepts), "the last byte is missing");
    }
    is_accepted
}

/// A key that is accepted can be read by aws-lc and survives the store, and the neutral element is no signature of it.
fn is_usable(key: &PublicKey) {
    assert!(key.is_readable(), "aws-lc refuses the key");
    assert!(PublicKey::from_bytes(&key.to_bytes()).as_ref() == Some(key), "the store returns another key");
    let mut neutral = [0; 64];
    neutral[0] = 1;
    assert!(!key.verifies(b"a message", &neutral), "the neutral element is a signature");
}
