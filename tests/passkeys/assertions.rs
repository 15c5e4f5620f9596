//! Assertions that differ from a good one in one thing.

use countersign::domain::factor::passkey::{AuthenticationResponse, verify_assertion};
use countersign::domain::factor::passkey::{Challenge, Credential, Demands, Expected, PublicKey, Refused, UserHandle};
use countersign::domain::transaction::TransactionHash;

use super::given::{Given, ORIGIN, keys};
use crate::rig::authenticator::{AT, Assertion, Authenticator, BE, BS, ED, Key, UP, UV, cbor};

/// A phone's assertion, before it is changed, and its credential.
fn assertion(given: &Given) -> (Credential, Assertion) {
    let mut phone = Authenticator::phone(Key::es256(1));
    let credential = given.credential(&mut phone);
    (credential, phone.get(&given.options(), ORIGIN))
}

/// The outcome of an assertion after a change that the authenticator signed.
fn after(change: impl FnOnce(&mut Assertion)) -> Result<(), Refused> {
    let given = Given::new();
    let (credential, mut assertion) = assertion(&given);
    change(&mut assertion);
    given.assert(&credential, &assertion.json()).map(drop)
}

#[track_caller]
fn refused(reason: Refused, change: impl FnOnce(&mut Assertion)) {
    assert_eq!(after(change), Err(reason));
}

#[test]
fn an_assertion_by_each_algorithm_passes_t43() {
    let given = Given::new();
    for key in keys() {
        let mut phone = Authenticator::phone(key.clone());
        let credential = given.credential(&mut phone);
        for _ in 0..2 {
            let asserted = given.assert(&credential, &phone.get(&given.options(), ORIGIN).json()).unwrap();
            assert_eq!((asserted.counter, asserted.user_verified, asserted.backed_up), (0, true, true));
        }
        let mut security_key = Authenticator::security_key(key);
        let credential = given.credential(&mut security_key);
        let asserted = given.assert(&credential, &security_key.get(&given.options(), ORIGIN).json()).unwrap();
        assert_eq!((asserted.counter, asserted.user_verified, asserted.backed_up), (2, false, false));
    }
}

#[test]
fn client_data_of_another_call_is_refused_though_it_is_signed_t43() {
    for (from, to, reason) in [
        ("webauthn.get", "webauthn.create", Refused::Type),
        ("BwcH", "CAgI", Refused::Challenge),
        ("login.example.com", "evil.example", Refused::Origin),
        ("false", "true", Refused::CrossOrigin),
        ("false", "false,\"topOrigin\":\"https://evil.example\"", Refused::CrossOrigin),
        ("false", "false,\"type\":\"webauthn.get\"", Refused::ClientData),
    ] {
        refused(reason, |assertion| {
            let changed = assertion.client_data.replace(from, to);
            assert_ne!(changed, assertion.client_data);
            assertion.client_data = changed;
        });
    }
}

#[test]
fn an_assertion_for_one_transaction_confirms_no_other_t34() {
    let bound = |hash: u8| Challenge::of([7; 16], Some(&TransactionHash([hash; 32])));
    let mut given = Given { challenge: bound(1), ..Given::new() };
    let (credential, assertion) = assertion(&given);
    let json = assertion.json();
    assert!(given.assert(&credential, &json).is_ok());
    for other in [bound(2), Challenge::of([7; 16], None), Challenge::of([8; 16], Some(&TransactionHash([1; 32])))] {
        given.challenge = other;
        assert_eq!(given.assert(&credential, &json), Err(Refused::Challenge));
    }
}

#[test]
fn an_assertion_of_another_credential_or_user_is_refused_t43() {
    let given = Given::new();
    let (credential, assertion) = assertion(&given);
    let json = assertion.json();
    let (mut other, mut without) = (assertion.clone(), assertion.clone());
    other.id[0] ^= 1;
    assert_eq!(given.assert(&credential, &other.json()), Err(Refused::Credential));

    let response = AuthenticationResponse::parse(&json).unwrap();
    let other_user = UserHandle::from_bytes(&[8; 32]).unwrap();
    assert_eq!(verify_assertion(&given.expected(), &credential, &other_user, &response), Err(Refused::UserHandle));
    // A security key returns no handle for a credential that it does not keep.
    without.user_handle = None;
    let response = AuthenticationResponse::parse(&without.json()).unwrap();
    assert!(verify_assertion(&given.expected(), &credential, &other_user, &response).is_ok());
    for handle in ["", "CQ"] {
        let assertion = Assertion { user_handle: Some(handle.to_owned()), ..assertion.clone() };
        assert_eq!(given.assert(&credential, &assertion.json()), Err(Refused::UserHandle), "{handle}");
    }
}

#[test]
fn the_flags_are_held_to_the_rules_t43() {
    let flags = |flags: u8| after(|assertion| assertion.data.flags = flags);
    for good in [UP | UV | BE | BS, UP | BE | BS, UP | BE] {
        assert_eq!(flags(good), Ok(()));
    }
    assert_eq!(flags(UV | BE | BS), Err(Refused::UserPresence));
    assert_eq!(flags(UP | BS), Err(Refused::BackupState));
    assert_eq!(flags(UP | UV), Err(Refused::BackupEligibility));
    assert_eq!(flags(UP | BE | AT), Err(Refused::AuthenticatorData));
    assert_eq!(flags(UP | BE | ED), Err(Refused::AuthenticatorData));

    // Backup eligibility does not change in the other direction either.
    let given = Given::new();
    let mut security_key = Authenticator::security_key(Key::es256(1));
    let credential = given.credential(&mut security_key);
    for flags in [UP | BE, UP | BE | BS] {
        let mut assertion = security_key.get(&given.options(), ORIGIN);
        assertion.data.flags = flags;
        assert_eq!(given.assert(&credential, &assertion.json()), Err(Refused::BackupEligibility));
    }
}

#[test]
fn user_verification_is_demanded_where_it_is_required_t43() {
    let given = Given::new();
    let (credential, mut assertion) = assertion(&given);
    let given = Given { demands: Demands::SOLE_FACTOR, ..given };
    assert!(given.assert(&credential, &assertion.json()).is_ok());
    assertion.data.flags &= !UV;
    assert_eq!(given.assert(&credential, &assertion.json()), Err(Refused::UserVerification));
}

#[test]
fn authenticator_data_has_its_form_t43() {
    use crate::rig::authenticator::Attested;

    refused(Refused::RelyingParty, |assertion| assertion.data.relying_party[0] ^= 1);
    refused(Refused::AuthenticatorData, |assertion| assertion.data.relying_party.truncate(31));
    refused(Refused::AuthenticatorData, |assertion| assertion.data.rest = vec![0]);
    // A credential in an assertion (section 6.1).
    refused(Refused::AuthenticatorData, |assertion| {
        assertion.data.flags |= AT;
        assertion.data.attested = Some(Attested { aaguid: [0; 16], id: vec![1], key: Key::es256(1).cose() });
    });
    let extended = |rest: Vec<u8>| {
        after(|assertion| {
            assertion.data.flags |= ED;
            assertion.data.rest = rest;
        })
    };
    let secret = cbor::map(&[(cbor::text("hmac-secret"), cbor::bytes(&[0; 64]))]);
    assert_eq!(extended(secret.clone()), Ok(()));
    assert_eq!(extended([secret, vec![0]].concat()), Err(Refused::AuthenticatorData));
}

#[test]
fn the_signature_of_another_key_or_message_is_refused_t43() {
    refused(Refused::Signature, |assertion| assertion.key = Key::es256(2));
    refused(Refused::Signature, |assertion| assertion.key = Key::eddsa(1));
    let given = Given::new();
    for key in keys() {
        let mut phone = Authenticator::phone(key);
        let credential = given.credential(&mut phone);
        let assertion = phone.get(&given.options(), ORIGIN);
        let mut other = assertion.clone();
        other.data.flags &= !UV;
        let mut json = assertion.json();
        json["response"]["signature"] = other.json()["response"]["signature"].clone();
        assert_eq!(given.assert(&credential, &json), Err(Refused::Signature));
        json["response"]["signature"] = serde_json::json!("");
        assert_eq!(given.assert(&credential, &json), Err(Refused::Signature));
    }
}

/// A point of small order has a signature for every message: R = the neutral element, S = 0. aws-lc takes it.
#[test]
fn nobody_can_sign_for_a_key_of_small_order_t43() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    let mut neutral = [0; 32];
    neutral[0] = 1;
    let forged = [neutral, [0; 32]].concat();
    assert!(UnparsedPublicKey::new(&ED25519, neutral).verify(b"any message", &forged).is_ok());
    assert_eq!(PublicKey::from_bytes(&[&[2], &neutral[..]].concat()), None);
}

/// y = 2 is on no point of the curve, so that decoding it fails whatever the signature.
#[test]
fn no_signature_passes_for_an_ed25519_key_off_the_curve_t43() {
    use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

    let mut key = [0; 33];
    key[..2].copy_from_slice(&[2, 2]);
    // aws-lc parses any 32 bytes. A version that refuses these can refuse them at registration.
    assert!(ParsedPublicKey::new(&ED25519, &key[1..]).is_ok());
    let given = Given::new();
    let (credential, assertion) = assertion(&given);
    let credential = Credential { public_key: PublicKey::from_bytes(&key).unwrap(), ..credential };
    let mut json = assertion.json();
    for r in 0_u8..=255 {
        let mut signature = [0; 64];
        signature[0] = r;
        json["response"]["signature"] = data_encoding::BASE64URL_NOPAD.encode(&signature).into();
        assert_eq!(given.assert(&credential, &json), Err(Refused::Signature));
    }
}

#[test]
fn a_counter_grows_or_is_always_0_t43() {
    let given = Given::new();
    let (credential, mut assertion) = assertion(&given);
    for (stored, sent, passes) in [
        (0, 0, true),
        (0, 1, true),
        (1, 2, true),
        (1, u32::MAX, true),
        (u32::MAX - 1, u32::MAX, true),
        (1, 1, false),
        (1, 0, false),
        (2, 1, false),
        (u32::MAX, 0, false),
        (u32::MAX, u32::MAX, false),
    ] {
        let credential = Credential { counter: stored, ..credential.clone() };
        assertion.data.counter = sent;
        let outcome = given.assert(&credential, &assertion.json()).map(|asserted| asserted.counter);
        assert_eq!(outcome, if passes { Ok(sent) } else { Err(Refused::Counter) }, "{stored} {sent}");
    }
}

/// A counter is told only to the authenticator's owner: a wrong signature is refused before the counters are compared.
#[test]
fn the_counter_of_a_forged_assertion_is_not_compared_t43() {
    let given = Given::new();
    let (credential, mut assertion) = assertion(&given);
    assertion.key = Key::es256(2);
    let credential = Credential { counter: 5, ..credential };
    assert_eq!(given.assert(&credential, &assertion.json()), Err(Refused::Signature));
}

#[test]
fn an_assertion_of_another_challenge_is_a_replay_t43() {
    let given = Given::new();
    let (credential, assertion) = assertion(&given);
    let response = AuthenticationResponse::parse(&assertion.json()).unwrap();
    let next = Challenge::of([8; 16], None);
    let expected = Expected { challenge: &next, ..given.expected() };
    assert_eq!(verify_assertion(&expected, &credential, &given.user_handle, &response), Err(Refused::Challenge));
}
