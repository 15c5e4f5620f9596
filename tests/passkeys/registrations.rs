//! Registrations that differ from a good one in one thing.

use countersign::domain::factor::passkey::{Algorithm, Demands, PublicKey, Refused};
use serde_json::{Value, json};

use super::given::{Given, ORIGIN, keys};
use crate::rig::authenticator::{
    AT, Authenticator, BE, BS, Creation, ED, Key, Statement, UP, UV, cbor, cose_ed25519, cose_p256, cose_rsa,
};

/// A registration by an ES256 key, before it is changed.
fn creation(given: &Given) -> Creation {
    Authenticator::phone(Key::es256(1)).create(&given.options(), ORIGIN)
}

/// The outcome of a registration after a change.
fn after(change: impl FnOnce(&mut Creation)) -> Result<(), Refused> {
    let given = Given::new();
    let mut creation = creation(&given);
    change(&mut creation);
    given.register(&creation.json()).map(drop)
}

#[track_caller]
fn refused(reason: Refused, change: impl FnOnce(&mut Creation)) {
    assert_eq!(after(change), Err(reason));
}

/// Replaces the attested public key.
fn with_key(key: Vec<u8>) -> Result<(), Refused> {
    after(|creation| creation.attested().key = key)
}

#[test]
fn a_registration_by_each_algorithm_is_recorded_as_it_is_t43() {
    let given = Given::new();
    for (key, algorithm, length) in
        keys().into_iter().zip(Algorithm::ALL).zip([34, 33, 257]).map(|((k, a), l)| (k, a, l))
    {
        for statement in [Statement::None, Statement::Itself] {
            let mut phone = Authenticator::phone(key.clone());
            let creation = Creation { statement, ..phone.create(&given.options(), ORIGIN) };
            let registered = given.register(&creation.json()).unwrap();
            assert_eq!(registered.credential_id.as_bytes(), phone.credential_id);
            assert_eq!(registered.algorithm(), algorithm);
            assert_eq!(registered.public_key.to_bytes().len(), length);
            assert_eq!(registered.counter, 0);
            assert!(registered.user_verified && registered.backup_eligible && registered.backed_up);
            assert_eq!(registered.transports.names().collect::<Vec<_>>(), ["hybrid", "internal"]);
        }
        let mut security_key = Authenticator::security_key(key);
        let registered = given.register(&security_key.create(&given.options(), ORIGIN).json()).unwrap();
        assert_eq!(registered.counter, 1);
        assert!(!registered.user_verified && !registered.backup_eligible && !registered.backed_up);
    }
}

#[test]
fn client_data_of_another_call_is_refused_t43() {
    let replaced = |from: &'static str, to: &'static str| {
        move |creation: &mut Creation| {
            let changed = creation.client_data.replace(from, to);
            assert_ne!(changed, creation.client_data);
            creation.client_data = changed;
        }
    };
    refused(Refused::Type, replaced("webauthn.create", "webauthn.get"));
    refused(Refused::Type, replaced("webauthn.create", "payment.get"));
    // The first letters of the challenge.
    refused(Refused::Challenge, replaced("BwcH", "CAgI"));
    refused(Refused::Challenge, replaced("BwcHBw\"", "BwcHBw==\""));
    for other in [
        "https://login.example.com.evil.example",
        "https://LOGIN.example.com",
        "http://login.example.com",
        "https://login.example.com/",
        "https://login.example.com:443",
        "https://evil.example",
        "https://other.example.com",
        "null",
        "",
    ] {
        refused(Refused::Origin, move |creation| creation.client_data = creation.client_data.replace(ORIGIN, other));
    }
    for cross in ["true", "null", "\"false\"", "0"] {
        refused(Refused::CrossOrigin, |creation| creation.client_data = creation.client_data.replace("false", cross));
    }
    refused(Refused::CrossOrigin, replaced("false", "false,\"topOrigin\":\"https://login.example.com\""));
    refused(Refused::CrossOrigin, replaced("false", "false,\"topOrigin\":null"));
}

#[test]
fn client_data_is_one_json_object_without_repeated_fields_t43() {
    let texts = ["", "null", "[]", "{}", r#"{"type":"webauthn.create"}"#, r#"{"type":1,"challenge":"","origin":""}"#];
    for text in texts {
        refused(Refused::ClientData, |creation| creation.client_data = text.to_owned());
    }
    let appended = |end: &'static str| {
        move |creation: &mut Creation| {
            creation.client_data.pop();
            creation.client_data.push_str(end);
        }
    };
    refused(Refused::ClientData, appended(""));
    refused(Refused::ClientData, appended("}{}"));
    refused(Refused::ClientData, appended(r#","type":"webauthn.create"}"#));
    refused(Refused::ClientData, appended(r#","\u006frigin":"https://evil.example"}"#));
    refused(Refused::ClientData, appended(r#","extra":{"a":1,"a":1}}"#));
    // Members that are not known, white space and a byte order mark are no reason to refuse.
    assert_eq!(after(appended(r#","extra":{"a":[1,null]}, "tokenBinding":{"status":"supported"} }"#)), Ok(()));
    assert_eq!(after(|creation| creation.client_data.insert(0, '\u{feff}')), Ok(()));
    assert_eq!(
        after(|creation| creation.client_data = creation.client_data.replace(",\"crossOrigin\":false", "")),
        Ok(())
    );
}

#[test]
fn authenticator_data_of_another_relying_party_is_refused_t43() {
    let given = Given::new();
    for other in ["evil.example", "login.example.com", "Example.com", ""] {
        let options = json!({"rp": {"id": other}, "challenge": given.options()["challenge"]});
        let creation = Authenticator::phone(Key::es256(1)).create(&options, ORIGIN);
        assert_eq!(given.register(&creation.json()), Err(Refused::RelyingParty), "{other}");
    }
}

#[test]
fn the_flags_are_held_to_the_rules_t43() {
    let flags = |flags: u8| after(|creation| creation.data.flags = AT | flags);
    assert_eq!(flags(UP), Ok(()));
    assert_eq!(flags(UP | BE), Ok(()));
    assert_eq!(flags(UP | UV | BE | BS), Ok(()));
    // Reserved bits.
    assert_eq!(flags(UP | 1 << 1 | 1 << 5), Ok(()));
    for absent in [0, UV, UV | BE | BS] {
        assert_eq!(flags(absent), Err(Refused::UserPresence));
    }
    assert_eq!(flags(UP | BS), Err(Refused::BackupState));
    assert_eq!(after(|creation| creation.data.flags &= !AT), Err(Refused::AuthenticatorData));
    assert_eq!(flags(UP | ED), Err(Refused::AuthenticatorData));
}

#[test]
fn user_verification_is_demanded_where_it_is_required_t43() {
    let given = Given { demands: Demands::SOLE_FACTOR, ..Given::new() };
    for (authenticator, outcome) in [
        (Authenticator::phone(Key::es256(1)), Ok(())),
        (Authenticator::security_key(Key::es256(1)), Err(Refused::UserVerification)),
        (Authenticator::phone(Key::eddsa(1)), Err(Refused::Algorithm)),
    ] {
        let creation = authenticator.clone().create(&given.options(), ORIGIN);
        assert_eq!(given.register(&creation.json()).map(drop), outcome);
    }
}

#[test]
fn authenticator_data_has_no_part_too_many_and_none_too_few_t43() {
    refused(Refused::AuthenticatorData, |creation| creation.data.rest = vec![0]);
    refused(Refused::AuthenticatorData, |creation| creation.data.rest = cbor::map(&[]));
    let extensions = |rest: Vec<u8>| {
        after(|creation| {
            creation.data.flags |= ED;
            creation.data.rest = rest;
        })
    };
    let protect = cbor::map(&[(cbor::text("credProtect"), cbor::integer(2))]);
    assert_eq!(extensions(protect.clone()), Ok(()));
    assert_eq!(extensions(cbor::map(&[])), Ok(()));
    for wrong in [
        vec![],
        cbor::array(&[]),
        cbor::integer(0),
        [protect.clone(), vec![0]].concat(),
        [protect.clone(), cbor::map(&[])].concat(),
        protect[..protect.len() - 1].to_vec(),
        // Of indefinite length, and with a repeated key.
        [vec![0xbf], protect[1..].to_vec(), vec![0xff]].concat(),
        [vec![0xa2], protect[1..].to_vec(), protect[1..].to_vec()].concat(),
    ] {
        assert_eq!(extensions(wrong), Err(Refused::AuthenticatorData));
    }
}

#[test]
fn a_key_of_another_algorithm_or_form_is_refused_t43() {
    let Key::Es256(pair) = Key::es256(1) else { unreachable!() };
    let point = aws_lc_rs::signature::KeyPair::public_key(&*pair).as_ref().to_vec();
    let (x, y) = point[1..].split_at(32);
    assert_eq!(with_key(cose_p256(x, y)), Ok(()));

    let wrong = Err(Refused::PublicKey);
    // Another point, none of the curve, and the point at infinity.
    assert_eq!(with_key(cose_p256(y, x)), wrong);
    assert_eq!(with_key(cose_p256(&[0; 32], &[0; 32])), wrong);
    assert_eq!(with_key(cose_p256(&[0xff; 32], y)), wrong);
    assert_eq!(with_key(cose_p256(&x[1..], y)), wrong);
    assert_eq!(with_key(cose_p256(&[&[0], x].concat(), y)), wrong);

    let (int, bytes, map) = (cbor::integer, cbor::bytes, cbor::map);
    let ec = |kty, alg, curve, extra: &[(Vec<u8>, Vec<u8>)]| {
        let members =
            [(int(1), int(kty)), (int(3), int(alg)), (int(-1), int(curve)), (int(-2), bytes(x)), (int(-3), bytes(y))];
        with_key(map(&[&members[..], extra].concat()))
    };
    assert_eq!(ec(2, -7, 1, &[]), Ok(()));
    for (kty, alg, curve) in
        [(1, -7, 1), (3, -7, 1), (2, -35, 1), (2, -47, 1), (2, -9, 1), (2, -8, 1), (2, -7, 2), (2, -7, 8)]
    {
        assert_eq!(ec(kty, alg, curve, &[]), wrong, "{kty} {alg} {curve}");
    }
    assert_eq!(ec(2, -7, 1, &[(int(-4), bytes(x))]), wrong);
    assert_eq!(with_key(map(&[(int(1), int(2)), (int(3), int(-7)), (int(-1), int(1)), (int(-2), bytes(x))])), wrong);
    // A compressed point, whose y is a sign.
    let sign = (int(-3), vec![0xf5]);
    assert_eq!(
        with_key(map(&[(int(1), int(2)), (int(3), int(-7)), (int(-1), int(1)), (int(-2), bytes(x)), sign])),
        wrong
    );
    assert_eq!(with_key(cbor::array(&[])), wrong);
    assert_eq!(with_key(vec![0xff]), Err(Refused::AuthenticatorData));
    // 65 bytes in place of 32 in a longer head than it needs.
    let long = [&cose_p256(x, y)[..7], &[0x59, 0, 32], x, &[0x22], &bytes(y)].concat();
    assert_eq!(with_key(long), Err(Refused::AuthenticatorData));
}

#[test]
fn an_ed25519_key_has_32_bytes_and_a_large_order_t43() {
    assert_eq!(with_key(Key::eddsa(1).cose()), Ok(()));
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    // The points of small order, with and without the sign bit, and encodings of numbers from p on.
    for y in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let mut point = hex(y);
        assert_eq!(with_key(cose_ed25519(&point)), Err(Refused::PublicKey), "{y}");
        point[31] |= 0x80;
        assert_eq!(with_key(cose_ed25519(&point)), Err(Refused::PublicKey), "{y}");
    }
    // X25519, Ed448, P-256.
    for curve in [4, 7, 1] {
        let (int, point) = (cbor::integer, cbor::bytes(&[3; 32]));
        let key = cbor::map(&[(int(1), int(1)), (int(3), int(-8)), (int(-1), int(curve)), (int(-2), point)]);
        assert_eq!(with_key(key), Err(Refused::PublicKey), "{curve}");
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(with_key(cose_ed25519(&vec![3; length])), Err(Refused::PublicKey), "{length}");
    }
}

#[test]
fn an_rsa_key_has_2048_to_4096_bits_and_the_usual_exponent_t43() {
    let modulus = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= modulus.len() * 8 - bits;
        modulus
    };
    let usual = [1, 0, 1];
    for (bits, fits) in
        [(1024, false), (2047, false), (2048, true), (3072, true), (3482, true), (4096, true), (4097, false)]
    {
        assert_eq!(with_key(cose_rsa(&modulus(bits), &usual)).is_ok(), fits, "{bits}");
    }
    for exponent in [&[3][..], &[1, 0, 3], &[0, 1, 0, 1], &[1, 0, 0, 1], &[]] {
        assert_eq!(with_key(cose_rsa(&modulus(2048), exponent)), Err(Refused::PublicKey), "{exponent:?}");
    }
    let even = [&modulus(2048)[..255], &[0xfe]].concat();
    assert_eq!(with_key(cose_rsa(&even, &usual)), Err(Refused::PublicKey));
    let padded = [&[0], &modulus(2048)[..]].concat();
    assert_eq!(with_key(cose_rsa(&padded, &usual)), Err(Refused::PublicKey));
}

#[test]
fn a_credential_id_has_at_most_1023_bytes_and_is_that_of_the_response_t43() {
    let id = |length: usize| {
        move |creation: &mut Creation| {
            creation.id = vec![1; length];
            creation.attested().id = vec![1; length];
        }
    };
    assert_eq!(after(id(1)), Ok(()));
    assert_eq!(after(id(1023)), Ok(()));
    refused(Refused::CredentialId, |creation| creation.attested().id = vec![1; 1024]);
    refused(Refused::CredentialId, |creation| creation.attested().id.clear());
    refused(Refused::CredentialId, |creation| creation.id[0] ^= 1);
    refused(Refused::CredentialId, |creation| creation.id.truncate(19));
}

#[test]
fn an_attestation_object_has_three_members_t43() {
    let (text, bytes, map) = (cbor::text, cbor::bytes, cbor::map);
    let given = Given::new();
    let creation = creation(&given);
    let members =
        [(text("fmt"), text("none")), (text("attStmt"), map(&[])), (text("authData"), bytes(&creation.data.bytes()))];
    let register = |object: Vec<u8>| {
        let mut json = creation.json();
        json["response"]["attestationObject"] = Value::from(data_encoding::BASE64URL_NOPAD.encode(&object));
        given.register(&json).map(drop)
    };
    assert_eq!(register(map(&members)), Ok(()));
    // Some clients write another order.
    let [format, statement, data] = members.clone();
    assert_eq!(register(map(&[format.clone(), data.clone(), statement.clone()])), Ok(()));

    let wrong = Err(Refused::AttestationObject);
    for removed in 0..3 {
        let mut members = members.to_vec();
        members.remove(removed);
        assert_eq!(register(map(&members)), wrong);
        members.push((text("other"), map(&[])));
        assert_eq!(register(map(&members)), wrong);
    }
    assert_eq!(register(map(&[&members[..], &[(text("epAtt"), vec![0xf4])]].concat())), wrong);
    assert_eq!(register(map(&[&members[..], &members[..1]].concat())), wrong);
    assert_eq!(register([map(&members), vec![0]].concat()), wrong);
    assert_eq!(register([map(&members), map(&members)].concat()), wrong);
    assert_eq!(register(cbor::array(&[])), wrong);
    assert_eq!(register(vec![]), wrong);
    assert_eq!(register(map(&[(text("fmt"), bytes(b"none")), statement.clone(), data.clone()])), wrong);
    assert_eq!(register(map(&[format, statement, (text("authData"), text("x"))])), wrong);
}

#[test]
fn an_attestation_is_not_trusted_and_still_has_its_form_t43() {
    let (text, int, bytes, map, array) = (cbor::text, cbor::integer, cbor::bytes, cbor::map, cbor::array);
    let statement =
        |format, statement: Vec<u8>| after(|creation| creation.statement = Statement::Other(format, statement));
    let wrong = Err(Refused::AttestationStatement);
    assert_eq!(statement("none", map(&[(text("alg"), int(-7))])), wrong);
    assert_eq!(statement("none", array(&[])), wrong);

    // Packed with a certificate: the form alone.
    let packed = |alg: Vec<u8>, sig: Vec<u8>, certificates: Vec<u8>| {
        statement("packed", map(&[(text("alg"), alg), (text("sig"), sig), (text("x5c"), certificates)]))
    };
    assert_eq!(packed(int(-7), bytes(&[0; 70]), array(&[bytes(&[0x30])])), Ok(()));
    assert_eq!(packed(int(-7), bytes(&[0; 70]), array(&[])), wrong);
    assert_eq!(packed(int(-7), bytes(&[0; 70]), array(&[int(1)])), wrong);
    assert_eq!(packed(int(-7), int(1), array(&[bytes(&[0x30])])), wrong);
    assert_eq!(packed(bytes(&[]), bytes(&[0; 70]), array(&[bytes(&[0x30])])), wrong);
    assert_eq!(statement("packed", map(&[])), wrong);
    // Packed without one: the signature of the credential's own key.
    let own = |alg| statement("packed", map(&[(text("alg"), int(alg)), (text("sig"), bytes(&[0; 70]))]));
    assert_eq!(own(-7), wrong);
    assert_eq!(own(-8), wrong);
    let given = Given::new();
    let by_another = Creation { key: Key::es256(2), statement: Statement::Itself, ..creation(&given) };
    assert_eq!(given.register(&by_another.json()), Err(Refused::AttestationStatement));

    for format in ["android-key", "android-safetynet", "apple", "fido-u2f", "tpm"] {
        assert_eq!(statement(format, map(&[(text("sig"), bytes(&[1]))])), Ok(()), "{format}");
    }
    assert_eq!(statement("compound", array(&[map(&[]), map(&[])])), Ok(()));
    for (format, other) in [("tpm", array(&[])), ("compound", map(&[])), ("apple", int(0))] {
        assert_eq!(statement(format, other), wrong, "{format}");
    }
    for format in ["", "None", "packed2", "com.example.new"] {
        assert_eq!(statement(format, map(&[])), wrong, "{format}");
    }
}

#[test]
fn a_public_key_is_kept_in_a_compact_form() {
    let given = Given::new();
    for key in keys() {
        let registered = given.register(&Authenticator::phone(key).create(&given.options(), ORIGIN).json()).unwrap();
        let bytes = registered.public_key.to_bytes();
        assert_eq!(PublicKey::from_bytes(&bytes), Some(registered.public_key));
        assert_eq!(PublicKey::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(PublicKey::from_bytes(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(PublicKey::from_bytes(&[&[9], &bytes[1..]].concat()), None);
    }
    assert_eq!(PublicKey::from_bytes(&[]), None);
}

#[test]
fn nothing_of_a_passkey_is_printed() {
    let given = Given::new();
    let mut phone = Authenticator::phone(Key::es256(1));
    let registered = given.register(&phone.create(&given.options(), ORIGIN).json()).unwrap();
    assert_eq!(
        format!("{registered:?}"),
        "Registered { credential_id: CredentialId(…), public_key: PublicKey(Es256, …), counter: 0, user_verified: true, \
         backup_eligible: true, backed_up: true, transports: Transports(48) }"
    );
    assert_eq!(format!("{:?} {:?}", given.challenge, given.user_handle), "Challenge(…) UserHandle(…)");
}
