//! The local issuer of access tokens: RS256 (RFC 7518 section 3.3), with a key in its own file.
//!
//! It is for trying things out, and shares no key with Countersign. Its tokens use real time, whatever the local clock
//! says.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use countersign::clock::{Clock, SystemClock, SystemRandomness};
use countersign::domain::ids::UserId;
use countersign::domain::random;
use countersign::keys::file::{create_private, read_private};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::command_line::Person;
use crate::serve::make_folder;

/// The issuer claim of every token. It always has the default port, so that a token can be made without the server.
pub(crate) const ISSUER: &str = "http://127.0.0.1:3000/local/issuer";

/// The client and audience of every token.
pub(crate) const CLIENT: &str = "countersign-local";

/// Signs access tokens.
pub(crate) struct Issuer {
    key: KeyPair,
}

impl Issuer {
    /// Opens the issuer of a data folder, and generates its key if there is none.
    ///
    /// # Errors
    /// The key can't be read or written, or other users can read it.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Box<dyn Error>> {
        make_folder(data_dir)?;
        let path = data_dir.join("issuer.key");
        let text = match read_private(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| "an RSA key could not be generated")?;
                let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&key)
                    .map_err(|_| "the RSA key could not be encoded")?;
                create_private(&path, Zeroizing::new(BASE64.encode(der.as_ref())).as_bytes())
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                // If another process wrote its key first, that key stays.
                read_private(&path)?
            }
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let der = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).unwrap_or_default());
        let key = KeyPair::from_pkcs8(&der).map_err(|_| format!("{} is not an RSA private key", path.display()))?;
        Ok(Self { key })
    }

    /// An access token for a person. Each token is a new session.
    ///
    /// # Errors
    /// The system's random generator or the signature fails.
    pub(crate) fn token(&self, person: &Person) -> Result<String, Box<dyn Error>> {
        let now = SystemClock.now();
        let jti = BASE64URL_NOPAD.encode(&random::bytes::<16>(&SystemRandomness)?);
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT, "client_id": CLIENT, "sub": person.user, "jti": jti,
            "iat": now.unix(), "nbf": now.unix(), "exp": now.plus(person.ttl).unix(),
        });
        for (name, value) in [("email", &person.email), ("phone_number", &person.phone)] {
            if let (Some(claims), Some(value)) = (claims.as_object_mut(), value) {
                claims.insert(name.to_owned(), value.as_str().into());
            }
        }
        self.sign(&json!({"alg": "RS256", "typ": "at+jwt", "kid": self.kid()}), &claims)
    }

    /// A signed JWT with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> Result<String, Box<dyn Error>> {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "a token could not be signed")?;
        Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
    }

    /// The key id: a digest of the public key.
    pub(crate) fn kid(&self) -> String {
        let digest = digest(&SHA256, self.key.public_key().as_ref());
        BASE64URL_NOPAD.encode(digest.as_ref().first_chunk::<12>().map_or(&[], <[u8; 12]>::as_slice))
    }

    /// The modulus and the exponent of the public key, big-endian.
    pub(crate) fn public_key(&self) -> (Vec<u8>, Vec<u8>) {
        let key = self.key.public_key();
        (
            key.modulus().big_endian_without_leading_zero().to_vec(),
            key.exponent().big_endian_without_leading_zero().to_vec(),
        )
    }

    /// The JSON Web Key Set (RFC 7517).
    pub(crate) fn key_set(&self) -> Value {
        let (n, e) = self.public_key();
        let (n, e) = (BASE64URL_NOPAD.encode(&n), BASE64URL_NOPAD.encode(&e));
        json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(), "n": n, "e": e}]})
    }
}

/// The discovery document, with the fields that a verifier of tokens reads.
pub(crate) fn discovery(host: &str) -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("http://{host}/local/issuer/.well-known/jwks.json"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
    })
}

/// Prints a token and nothing else, for use in scripts.
///
/// # Errors
/// As [`Issuer::open`] and [`Issuer::token`], and for an invalid user id.
pub(crate) fn print_token(data_dir: &Path, person: &Person) -> Result<(), Box<dyn Error>> {
    UserId::parse(&person.user).ok_or_else(|| format!("the user {}", UserId::RULE))?;
    let token = Issuer::open(data_dir)?.token(person)?;
    writeln!(io::stdout().lock(), "{token}")?;
    Ok(())
}
