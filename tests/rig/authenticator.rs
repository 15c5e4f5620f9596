//! An authenticator in software, and the browser in front of it. A test may change any part of an answer before it is
//! signed.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaPublicKeyComponents,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// The flags of authenticator data (WebAuthn L3, section 6.1).
pub const UP: u8 = 1;
pub const UV: u8 = 1 << 2;
pub const BE: u8 = 1 << 3;
pub const BS: u8 = 1 << 4;
pub const AT: u8 = 1 << 6;
pub const ED: u8 = 1 << 7;

/// A private key.
#[derive(Clone)]
pub enum Key {
    Es256(Arc<EcdsaKeyPair>),
    EdDsa(Arc<Ed25519KeyPair>),
    Rs256(Arc<RsaKeyPair>),
}

impl Key {
    /// The P-256 key of a seed.
    pub fn es256(seed: u8) -> Self {
        let private = digest(&SHA256, &[b'e', seed]);
        let public = PrivateKey::from_private_key(&ECDH_P256, private.as_ref()).unwrap().compute_public_key().unwrap();
        let alg = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(alg, private.as_ref(), public.as_ref());
        Self::Es256(Arc::new(pair.unwrap()))
    }

    /// The Ed25519 key of a seed.
    pub fn eddsa(seed: u8) -> Self {
        Self::EdDsa(Arc::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }

    /// The only RSA key, of 2048 bits. It is new in each run, because aws-lc makes none from a seed.
    pub fn rs256() -> Self {
        static KEY: OnceLock<Arc<RsaKeyPair>> = OnceLock::new();
        Self::Rs256(KEY.get_or_init(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())).clone())
    }

    /// The identifier of its algorithm in COSE.
    pub fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => -7,
            Self::EdDsa(_) => -8,
            Self::Rs256(_) => -257,
        }
    }

    /// The public key in COSE.
    pub fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                cose_p256(x, y)
            }
            Self::EdDsa(pair) => cose_ed25519(pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                cose_rsa(&public.n, &public.e)
            }
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

pub fn cose_p256(x: &[u8], y: &[u8]) -> Vec<u8> {
    use cbor::{bytes, integer, map};
    map(&[
        (integer(1), integer(2)),
        (integer(3), integer(-7)),
        (integer(-1), integer(1)),
        (integer(-2), bytes(x)),
        (integer(-3), bytes(y)),
    ])
}

pub fn cose_ed25519(point: &[u8]) -> Vec<u8> {
    use cbor::{bytes, integer, map};
    map(&[(integer(1), integer(1)), (integer(3), integer(-8)), (integer(-1), integer(6)), (integer(-2), bytes(point))])
}

pub fn cose_rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    use cbor::{bytes, integer, map};
    map(&[
        (integer(1), integer(3)),
        (integer(3), integer(-257)),
        (integer(-1), bytes(modulus)),
        (integer(-2), bytes(exponent)),
    ])
}

/// An authenticator with one credential.
#[derive(Clone)]
pub struct Authenticator {
    pub key: Key,
    pub credential_id: Vec<u8>,
    /// The flags that it sets, without AT and ED.
    pub flags: u8,
    /// The counter of the next answer. It grows with each one unless it is 0.
    pub counter: u32,
    /// The user handle of the registration, which a discoverable credential returns.
    pub user_handle: Option<String>,
}

impl Authenticator {
    /// A phone that synchronises its passkeys, verifies its user and has no counter.
    pub fn phone(key: Key) -> Self {
        let credential_id = digest(&SHA256, &key.cose()).as_ref()[..20].to_vec();
        Self { key, credential_id, flags: UP | UV | BE | BS, counter: 0, user_handle: None }
    }

    /// A security key, which counts its signatures and does not verify its user.
    pub fn security_key(key: Key) -> Self {
        Self { flags: UP, counter: 1, ..Self::phone(key) }
    }

    /// The answer to creation options, on a page of this origin.
    pub fn create(&mut self, options: &Value, origin: &str) -> Creation {
        self.user_handle = options["user"]["id"].as_str().map(str::to_owned);
        let attested = Attested { aaguid: [0; 16], id: self.credential_id.clone(), key: self.key.cose() };
        Creation {
            key: self.key.clone(),
            id: self.credential_id.clone(),
            client_data: client_data("webauthn.create", options, origin),
            data: Data { attested: Some(attested), ..self.data(options["rp"]["id"].as_str().unwrap(), AT) },
            statement: Statement::None,
            transports: json!(["hybrid", "internal"]),
        }
    }

    /// The answer to request options, on a page of this origin.
    pub fn get(&mut self, options: &Value, origin: &str) -> Assertion {
        Assertion {
            key: self.key.clone(),
            id: self.credential_id.clone(),
            client_data: client_data("webauthn.get", options, origin),
            data: self.data(options["rpId"].as_str().unwrap(), 0),
            user_handle: self.user_handle.clone(),
        }
    }

    fn data(&mut self, relying_party: &str, flags: u8) -> Data {
        let counter = self.counter;
        self.counter += u32::from(counter > 0);
        Data {
            relying_party: digest(&SHA256, relying_party.as_bytes()).as_ref().to_vec(),
            flags: self.flags | flags,
            counter,
            attested: None,
            rest: Vec::new(),
        }
    }
}

/// Client data as browsers write it (section 5.8.1.1).
fn client_data(ceremony: &str, options: &Value, origin: &str) -> String {
    let challenge = &options["challenge"];
    format!(r#"{{"type":"{ceremony}","challenge":{challenge},"origin":"{origin}","crossOrigin":false}}"#)
}

/// Authenticator data.
#[derive(Clone)]
pub struct Data {
    /// The hash of the relying party's id.
    pub relying_party: Vec<u8>,
    pub flags: u8,
    pub counter: u32,
    pub attested: Option<Attested>,
    /// The bytes that follow, such as extensions.
    pub rest: Vec<u8>,
}

/// Attested credential data.
#[derive(Clone)]
pub struct Attested {
    pub aaguid: [u8; 16],
    pub id: Vec<u8>,
    /// The public key in COSE.
    pub key: Vec<u8>,
}

impl Data {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.relying_party.clone();
        bytes.push(self.flags);
        bytes.extend(self.counter.to_be_bytes());
        if let Some(Attested { aaguid, id, key }) = &self.attested {
            bytes.extend(aaguid);
            bytes.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
            bytes.extend(id);
            bytes.extend(key);
        }
        bytes.extend(&self.rest);
        bytes
    }
}

/// The attestation statement.
#[derive(Clone)]
pub enum Statement {
    /// None.
    None,
    /// Packed, signed with the credential's own key.
    Itself,
    /// A format, and the statement in CBOR.
    Other(&'static str, Vec<u8>),
}

/// A registration before it is encoded.
#[derive(Clone)]
pub struct Creation {
    /// The key that signs a self attestation.
    pub key: Key,
    /// The id beside the attestation object.
    pub id: Vec<u8>,
    pub client_data: String,
    pub data: Data,
    pub statement: Statement,
    pub transports: Value,
}

impl Creation {
    /// The attested credential data.
    pub fn attested(&mut self) -> &mut Attested {
        self.data.attested.as_mut().unwrap()
    }

    pub fn attestation_object(&self) -> Vec<u8> {
        let data = self.data.bytes();
        let (format, statement) = match &self.statement {
            Statement::None => ("none", cbor::map(&[])),
            Statement::Itself => {
                let signature = self.key.sign(&signed(&data, &self.client_data));
                let members = [
                    (cbor::text("alg"), cbor::integer(self.key.algorithm())),
                    (cbor::text("sig"), cbor::bytes(&signature)),
                ];
                ("packed", cbor::map(&members))
            }
            Statement::Other(format, statement) => (*format, statement.clone()),
        };
        cbor::map(&[
            (cbor::text("fmt"), cbor::text(format)),
            (cbor::text("attStmt"), statement),
            (cbor::text("authData"), cbor::bytes(&data)),
        ])
    }

    /// The answer as `PublicKeyCredential.toJSON()` makes it.
    pub fn json(&self) -> Value {
        registration_json(&self.id, self.client_data.as_bytes(), &self.attestation_object(), &self.transports)
    }
}

pub fn registration_json(id: &[u8], client_data: &[u8], attestation_object: &[u8], transports: &Value) -> Value {
    json!({
        "id": BASE64URL_NOPAD.encode(id),
        "rawId": BASE64URL_NOPAD.encode(id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
            "attestationObject": BASE64URL_NOPAD.encode(attestation_object),
            "transports": transports,
        },
    })
}

/// An assertion before it is signed.
#[derive(Clone)]
pub struct Assertion {
    pub key: Key,
    pub id: Vec<u8>,
    pub client_data: String,
    pub data: Data,
    /// The user handle in base64url.
    pub user_handle: Option<String>,
}

impl Assertion {
    pub fn signature(&self) -> Vec<u8> {
        self.key.sign(&signed(&self.data.bytes(), &self.client_data))
    }

    /// The answer as `PublicKeyCredential.toJSON()` makes it.
    pub fn json(&self) -> Value {
        let mut json = assertion_json(&self.id, self.client_data.as_bytes(), &self.data.bytes(), &self.signature());
        if let Some(handle) = &self.user_handle {
            json["response"]["userHandle"] = json!(handle);
        }
        json
    }
}

pub fn assertion_json(id: &[u8], client_data: &[u8], authenticator_data: &[u8], signature: &[u8]) -> Value {
    json!({
        "id": BASE64URL_NOPAD.encode(id),
        "rawId": BASE64URL_NOPAD.encode(id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
            "authenticatorData": BASE64URL_NOPAD.encode(authenticator_data),
            "signature": BASE64URL_NOPAD.encode(signature),
        },
    })
}

/// The message that an authenticator signs (section 6.3.3, figure 4).
fn signed(authenticator_data: &[u8], client_data: &str) -> Vec<u8> {
    [authenticator_data, digest(&SHA256, client_data.as_bytes()).as_ref()].concat()
}

/// A small encoder of canonical CBOR.
pub mod cbor {
    fn head(major: u8, argument: u64) -> Vec<u8> {
        let bytes = argument.to_be_bytes();
        let (information, from) = match argument {
            0..=23 => (bytes[7], 8),
            24..=0xff => (24, 7),
            0x100..=0xffff => (25, 6),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 0),
        };
        [&[major << 5 | information], &bytes[from..]].concat()
    }

    pub fn integer(value: i64) -> Vec<u8> {
        if value < 0 { head(1, value.unsigned_abs() - 1) } else { head(0, value.unsigned_abs()) }
    }

    pub fn bytes(bytes: &[u8]) -> Vec<u8> {
        [head(2, bytes.len() as u64), bytes.to_vec()].concat()
    }

    pub fn text(text: &str) -> Vec<u8> {
        [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
    }

    pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
        [head(4, items.len() as u64), items.concat()].concat()
    }

    /// The entries must be in their canonical order.
    pub fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<_> = entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
        [head(5, entries.len() as u64 / 2), entries.concat()].concat()
    }
}
