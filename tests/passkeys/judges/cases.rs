//! The answers that two verifiers judge.

use countersign::domain::factor::passkey::{Credential, Refused};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::passkeys::given::{Given, ORIGIN, keys};
use crate::rig::authenticator::{
    AT, Assertion, Attested, Authenticator, BE, BS, Creation, ED, Key, Statement, UP, UV, assertion_json, cbor,
    cose_ed25519, cose_p256, cose_rsa, registration_json,
};

/// A response, and the credential that an assertion is verified with.
pub(super) struct Case {
    response: Value,
    credential: Option<(Credential, Vec<u8>)>,
}

impl Case {
    /// The form that the other verifier reads.
    pub(super) fn json(&self) -> Value {
        let credential = self.credential.as_ref().map(|(credential, cose)| {
            json!({
                "id": credential.id.encode(),
                "publicKey": BASE64URL_NOPAD.encode(cose),
                "counter": credential.counter,
            })
        });
        json!({"response": self.response, "credential": credential})
    }

    /// Countersign's verdict.
    pub(super) fn ours(&self, given: &Given) -> Result<(), Refused> {
        match &self.credential {
            None => given.register(&self.response).map(drop),
            Some((credential, _)) => given.assert(credential, &self.response).map(drop),
        }
    }
}

/// `SplitMix64` from a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// Changes one to three places: a bit, a byte, a cut, an insertion.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.byte()),
                2 if at < bytes.len() => drop(bytes.splice(at..=at, [])),
                3 if at < bytes.len() => bytes[at] = self.byte(),
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
    }
}

/// All cases. Keys of P-256 and Ed25519 and all changes are the same in each run; signatures are not.
pub(super) fn cases(given: &Given) -> Vec<Case> {
    let mut cases: Vec<_> = creations(given).iter().map(registration).collect();
    cases.extend(attestation_objects(given));
    let assertions = assertions(given);
    cases.extend(assertions.iter().map(|(credential, assertion)| signed(credential, assertion)));
    cases.push(with_signature_not_in_der(given));
    let mut random = Random(1);
    for key in keys() {
        for _ in 0..450 {
            cases.push(changed_registration(given, &key, &mut random));
        }
        for _ in 0..300 {
            cases.push(changed_assertion(given, &key, &mut random));
        }
    }
    cases
}

fn registration(creation: &Creation) -> Case {
    Case { response: creation.json(), credential: None }
}

fn signed(credential: &(Credential, Vec<u8>), assertion: &Assertion) -> Case {
    Case { response: assertion.json(), credential: Some(credential.clone()) }
}

/// Client data with one thing changed.
fn client_data(good: &str) -> Vec<String> {
    let replaced = [
        ("webauthn.get", "webauthn.create"),
        ("webauthn.create", "webauthn.get"),
        ("BwcH", "CAgI"),
        ("login.example.com", "evil.example"),
        ("https://login", "http://login"),
        (".com\"", ".com/\""),
        ("\"crossOrigin\":false", "\"crossOrigin\":true"),
        ("\"crossOrigin\":false", "\"crossOrigin\":true,\"topOrigin\":\"https://evil.example\""),
        ("\"crossOrigin\":false", "\"topOrigin\":\"https://evil.example\""),
        ("\"crossOrigin\":false", "\"more\":{\"a\":[1,2]}"),
        ("\"crossOrigin\":false", "\"origin\":\"https://login.example.com\""),
        (",\"crossOrigin\":false", ""),
        (",", ", "),
        ("{", "\u{feff}{"),
    ];
    replaced.iter().map(|(from, to)| good.replace(from, to)).filter(|changed| changed != good).collect()
}

/// Good registrations, and ones that differ in one thing.
fn creations(given: &Given) -> Vec<Creation> {
    let mut creations = Vec::new();
    for key in keys() {
        for mut authenticator in [Authenticator::phone(key.clone()), Authenticator::security_key(key)] {
            let good = authenticator.create(&given.options(), ORIGIN);
            for statement in [Statement::None, Statement::Itself] {
                creations.push(Creation { statement, ..good.clone() });
            }
            let mut vary = |change: &dyn Fn(&mut Creation)| {
                for statement in [Statement::None, Statement::Itself] {
                    let mut creation = Creation { statement, ..good.clone() };
                    change(&mut creation);
                    creations.push(creation);
                }
            };
            for text in client_data(&good.client_data) {
                vary(&|creation| creation.client_data.clone_from(&text));
            }
            for flags in [0, UP, UV, UP | UV, UP | BE, UP | BS, UP | BE | BS, UP | 1 << 1 | 1 << 5] {
                vary(&|creation| creation.data.flags = AT | flags);
            }
            vary(&|creation| creation.data.flags &= !AT);
            vary(&|creation| creation.data.flags |= ED);
            vary(&|creation| creation.data.rest = vec![0]);
            vary(&|creation| creation.data.relying_party[5] ^= 1);
            vary(&|creation| creation.data.counter = 7);
            vary(&|creation| creation.id[0] ^= 1);
            vary(&|creation| creation.attested().id.push(1));
            vary(&|creation| creation.key = Key::es256(2));
            for extensions in extensions() {
                vary(&|creation| {
                    creation.data.flags |= ED;
                    creation.data.rest.clone_from(&extensions);
                });
            }
            for key in other_keys() {
                vary(&|creation| creation.attested().key.clone_from(&key));
            }
        }
    }
    creations
}

/// Extensions in good and in wrong forms.
fn extensions() -> Vec<Vec<u8>> {
    let protect = cbor::map(&[(cbor::text("credProtect"), cbor::integer(2))]);
    vec![
        protect.clone(),
        cbor::map(&[]),
        vec![],
        cbor::integer(0),
        [&protect[..], &[0]].concat(),
        [&[0xa2], &protect[1..], &protect[1..]].concat(),
        [&[0xbf], &protect[1..], &[0xff]].concat(),
        [&protect[..protect.len() - 1], &[0x18, 2]].concat(),
        protect[..protect.len() - 1].to_vec(),
    ]
}

/// Public keys that no authenticator makes.
fn other_keys() -> Vec<Vec<u8>> {
    let es256 = Key::es256(3).cose();
    let Key::Es256(pair) = Key::es256(3) else { unreachable!() };
    let point = aws_lc_rs::signature::KeyPair::public_key(&*pair).as_ref().to_vec();
    let (x, y) = point[1..].split_at(32);
    let mut small_order = [0; 32];
    small_order[0] = 1;
    vec![
        es256.clone(),
        cose_p256(y, x),
        cose_p256(&[0; 32], &[0; 32]),
        cose_ed25519(&small_order),
        cose_ed25519(&[3; 31]),
        cose_rsa(&[0xff; 128], &[1, 0, 1]),
        cose_rsa(&[0xff; 256], &[3]),
        cose_rsa(&[0xff; 513], &[1, 0, 1]),
        // One member more, and the algorithm of another key type.
        [&[0xa6], &es256[1..], &cbor::integer(-4), &cbor::integer(1)].concat(),
        [&es256[..4], &cbor::integer(-8), &es256[5..]].concat(),
        cbor::map(&[]),
        cbor::array(&[]),
    ]
}

/// Attestation objects in other forms around the same parts.
fn attestation_objects(given: &Given) -> Vec<Case> {
    let creation = Authenticator::phone(Key::es256(1)).create(&given.options(), ORIGIN);
    let format = (cbor::text("fmt"), cbor::text("none"));
    let statement = (cbor::text("attStmt"), cbor::map(&[]));
    let data = (cbor::text("authData"), cbor::bytes(&creation.data.bytes()));
    let good = creation.attestation_object();
    let [f, s, d] = [&format, &statement, &data].map(Clone::clone);
    let objects = [
        good.clone(),
        cbor::map(&[f.clone(), d.clone(), s.clone()]),
        cbor::map(&[f.clone(), s.clone(), d.clone(), (cbor::text("epAtt"), vec![0xf4])]),
        cbor::map(&[f.clone(), s.clone(), d.clone(), d.clone()]),
        cbor::map(&[f.clone(), s.clone()]),
        cbor::map(&[f.clone(), (cbor::text("attStmt"), cbor::map(&[(cbor::text("x"), cbor::integer(1))])), d.clone()]),
        cbor::map(&[(cbor::text("fmt"), cbor::text("nothing")), s, d.clone()]),
        cbor::map(&[f, (cbor::text("attStmt"), cbor::integer(-1)), d]),
        [&good[..], &[0]].concat(),
        // Three entries, in a longer head.
        [&[0xb8, 3], &good[1..]].concat(),
    ];
    let case = |object: &Vec<u8>| {
        let response = registration_json(&creation.id, creation.client_data.as_bytes(), object, &creation.transports);
        Case { response, credential: None }
    };
    objects.iter().map(case).collect()
}

/// Registers an authenticator. Returns its credential with its public key in COSE.
fn registered(given: &Given, authenticator: &mut Authenticator) -> (Credential, Vec<u8>) {
    (given.credential(authenticator), authenticator.key.cose())
}

/// Good assertions, and ones that differ in one thing.
fn assertions(given: &Given) -> Vec<((Credential, Vec<u8>), Assertion)> {
    let mut assertions = Vec::new();
    for key in keys() {
        for mut authenticator in [Authenticator::phone(key.clone()), Authenticator::security_key(key)] {
            let credential = registered(given, &mut authenticator);
            let good = authenticator.get(&given.options(), ORIGIN);
            let mut vary = |change: &dyn Fn(&mut Assertion)| {
                let mut assertion = good.clone();
                change(&mut assertion);
                assertions.push((credential.clone(), assertion));
            };
            vary(&|_| {});
            for text in client_data(&good.client_data) {
                vary(&|assertion| assertion.client_data.clone_from(&text));
            }
            for flags in [0, UP, UV, UP | UV, UP | BE, UP | BS, UP | BE | BS, UP | 1 << 1, UP | AT, UP | ED] {
                vary(&|assertion| assertion.data.flags = flags);
            }
            for counter in [0, 1, 2, 3, u32::MAX] {
                vary(&|assertion| assertion.data.counter = counter);
            }
            for extensions in extensions() {
                vary(&|assertion| {
                    assertion.data.flags |= ED;
                    assertion.data.rest.clone_from(&extensions);
                });
            }
            vary(&|assertion| {
                let key = Key::es256(1).cose();
                assertion.data.flags |= AT;
                assertion.data.attested = Some(Attested { aaguid: [0; 16], id: vec![1], key });
            });
            vary(&|assertion| assertion.data.relying_party[5] ^= 1);
            vary(&|assertion| assertion.data.rest = vec![0]);
            vary(&|assertion| assertion.user_handle = None);
            vary(&|assertion| assertion.key = Key::es256(2));
            vary(&|assertion| assertion.key = Key::eddsa(2));
        }
    }
    assertions
}

/// A right signature in a sequence whose length is too small by one.
fn with_signature_not_in_der(given: &Given) -> Case {
    let mut phone = Authenticator::phone(Key::es256(1));
    let credential = registered(given, &mut phone);
    let assertion = phone.get(&given.options(), ORIGIN);
    let mut signature = assertion.signature();
    signature[1] -= 1;
    let response = assertion_json(&assertion.id, assertion.client_data.as_bytes(), &assertion.data.bytes(), &signature);
    Case { response, credential: Some(credential) }
}

fn changed_registration(given: &Given, key: &Key, random: &mut Random) -> Case {
    let mut creation = Authenticator::phone(key.clone()).create(&given.options(), ORIGIN);
    if random.below(2) == 0 {
        creation.statement = Statement::Itself;
    }
    let (mut client_data, mut object) = (creation.client_data.clone().into_bytes(), creation.attestation_object());
    match random.below(4) {
        0 => random.change(&mut client_data),
        _ => random.change(&mut object),
    }
    let response = registration_json(&creation.id, &client_data, &object, &creation.transports);
    Case { response, credential: None }
}

fn changed_assertion(given: &Given, key: &Key, random: &mut Random) -> Case {
    let mut phone = Authenticator::phone(key.clone());
    let credential = registered(given, &mut phone);
    let assertion = phone.get(&given.options(), ORIGIN);
    let mut parts = [assertion.client_data.clone().into_bytes(), assertion.data.bytes(), assertion.signature()];
    let part = random.below(3);
    random.change(&mut parts[part]);
    let [client_data, data, signature] = parts;
    let response = assertion_json(&assertion.id, &client_data, &data, &signature);
    Case { response, credential: Some(credential) }
}
