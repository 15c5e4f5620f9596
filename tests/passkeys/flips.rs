//! Every bit of every byte of a good answer, changed, and random changes of several bytes. The fuzz target in `fuzz` goes
//! by coverage; these tests run a fixed number of cases.

use std::collections::BTreeMap;

use countersign::domain::factor::passkey::Refused;
use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;
use serde_json::Value;

use super::given::{Given, ORIGIN, keys};
use crate::rig::authenticator::{Authenticator, Creation, Key, Statement};

/// A member of a response, decoded.
fn decoded(json: &Value, member: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(json["response"][member].as_str().unwrap().as_bytes()).unwrap()
}

/// The byte and the bit of every change after which `verify` accepts the response.
fn accepted(json: &Value, member: &str, verify: impl Fn(&Value) -> bool) -> Vec<(usize, u8)> {
    assert!(verify(json));
    let bytes = decoded(json, member);
    let mut accepted = Vec::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let (mut bytes, mut json) = (bytes.clone(), json.clone());
            bytes[at] ^= 1 << bit;
            json["response"][member] = BASE64URL_NOPAD.encode(&bytes).into();
            if verify(&json) {
                accepted.push((at, bit));
            }
        }
    }
    accepted
}

#[test]
fn no_bit_of_an_assertion_can_be_changed_t43() {
    let given = Given::new();
    for key in keys() {
        let mut phone = Authenticator::phone(key);
        let credential = given.credential(&mut phone);
        let json = phone.get(&given.options(), ORIGIN).json();
        for member in ["clientDataJSON", "authenticatorData", "signature", "userHandle"] {
            let accepted = accepted(&json, member, |json| given.assert(&credential, json).is_ok());
            assert_eq!(accepted, [], "{member}");
        }
    }
}

#[test]
fn no_bit_of_a_self_attested_registration_can_be_changed_t43() {
    let given = Given::new();
    for key in keys() {
        let creation = Authenticator::phone(key).create(&given.options(), ORIGIN);
        let json = Creation { statement: Statement::Itself, ..creation }.json();
        for member in ["clientDataJSON", "attestationObject"] {
            let accepted = accepted(&json, member, |json| given.register(json).is_ok());
            assert_eq!(accepted, [], "{member}");
        }
    }
}

/// Nothing is signed in a registration without an attestation. The client alone could change the bits that the standard
/// does not compare.
#[test]
fn the_bits_of_a_registration_that_may_be_changed_are_these_t43() {
    let given = Given::new();
    let json = Authenticator::phone(Key::es256(1)).create(&given.options(), ORIGIN).json();
    let is_accepted = |json: &Value| given.register(json).is_ok();

    // The name of `crossOrigin`, which may be absent: changed, it is a member that is not known.
    let client_data = String::from_utf8(decoded(&json, "clientDataJSON")).unwrap();
    let name = client_data.find("crossOrigin").unwrap();
    let accepted_there = accepted(&json, "clientDataJSON", is_accepted);
    assert!(accepted_there.iter().all(|(at, _)| (name..name + "crossOrigin".len()).contains(at)), "{accepted_there:?}");

    let object = decoded(&json, "attestationObject");
    let data = object.windows(4).position(|four| four == b"Data").unwrap() + 4 + 2;
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for (at, bit) in accepted(&json, "attestationObject", is_accepted) {
        let place = match at.checked_sub(data) {
            Some(32) => "flags",
            Some(33..37) => "counter",
            Some(37..53) => "aaguid",
            _ => "another place",
        };
        places.entry(place).or_default().push((at, bit));
    }
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), ["aaguid", "counter", "flags"]);
    assert_eq!((places["aaguid"].len(), places["counter"].len()), (16 * 8, 4 * 8));
    // Two reserved bits, UV, which is told and not required, and BS of an eligible credential.
    assert_eq!(places["flags"].iter().map(|(_, bit)| *bit).collect::<Vec<_>>(), [1, 2, 4, 5]);
}

/// Changes of several bytes: cut, inserted, replaced.
#[derive(Clone, Debug)]
enum Change {
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Replace(prop::sample::Index, u8),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Replace(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let change = prop_oneof![
        index().prop_map(Change::Cut),
        (index(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, more)| Change::Insert(at, more)),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
    ];
    prop::collection::vec(change, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The signed bytes are the same, or the assertion is refused.
    #[test]
    fn an_assertion_that_was_changed_is_refused_t43(
        member in prop::sample::select(vec!["clientDataJSON", "authenticatorData", "signature"]),
        changes in changes(),
    ) {
        let given = Given::new();
        let mut phone = Authenticator::phone(Key::es256(1));
        let credential = given.credential(&mut phone);
        let mut json = phone.get(&given.options(), ORIGIN).json();
        let good = decoded(&json, member);
        let mut bytes = good.clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        json["response"][member] = BASE64URL_NOPAD.encode(&bytes).into();
        prop_assert_eq!(given.assert(&credential, &json).is_ok(), bytes == good);
    }

    /// A credential that is registered all the same is the one of the response.
    #[test]
    fn a_registration_that_was_changed_is_refused_or_keeps_its_credential_t43(changes in changes()) {
        let given = Given::new();
        let mut phone = Authenticator::phone(Key::es256(1));
        let mut json = phone.create(&given.options(), ORIGIN).json();
        let mut object = decoded(&json, "attestationObject");
        changes.iter().for_each(|change| change.apply(&mut object));
        json["response"]["attestationObject"] = BASE64URL_NOPAD.encode(&object).into();
        if let Ok(registered) = given.register(&json) {
            prop_assert_eq!(registered.credential_id.as_bytes(), phone.credential_id);
        }
    }

    /// Any bytes in place of an attestation object.
    #[test]
    fn no_bytes_make_the_verifier_fail_t43(object in prop::collection::vec(any::<u8>(), 0..500)) {
        let given = Given::new();
        let mut json = Authenticator::phone(Key::es256(1)).create(&given.options(), ORIGIN).json();
        json["response"]["attestationObject"] = BASE64URL_NOPAD.encode(&object).into();
        prop_assert_eq!(given.register(&json), Err(Refused::AttestationObject));
    }
}
