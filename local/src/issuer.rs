//! The local issuer of access tokens: RS256 (RFC 7518 section 3.3), with a key in its own file.
//!
//! It is for trying things out, and shares no key with Countersign. Its tokens use real time, whatever the local clock
//! says.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use countersign::clock::{Clock, SystemClock, SystemRandomness};
use countersign::domain::ids::UserId;
use countersign::domain::random;
use countersign::domain::receipt_keys::PublicKey;
use countersign::http::well_known::Configuration;
use countersign::keys::file::{create_private, read_private};
use countersign::keys::signing::RsaKey;
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
    key: RsaKey,
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
                let key = RsaKey::generate().map_err(|_| "an RSA key could not be generated")?;
                let der = key.pkcs8().map_err(|_| "the RSA key could not be encoded")?;
                create_private(&path, Zeroizing::new(BASE64.encode(&der)).as_bytes())
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                // If another process wrote its key first, that key stays.
                read_private(&path)?
            }
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let der = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).unwrap_or_default());
        let key = RsaKey::from_pkcs8(&der).map_err(|_| format!("{} is not an RSA private key", path.display()))?;
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
        Ok(self.key.sign_with(header, claims).map_err(|_| "a token could not be signed")?)
    }

    /// The key id: a digest of the public key.
    pub(crate) fn kid(&self) -> String {
        let digest = digest(&SHA256, self.key.public_der());
        BASE64URL_NOPAD.encode(digest.as_ref().first_chunk::<12>().map_or(&[], <[u8; 12]>::as_slice))
    }

    /// The public key, under the issuer's own id.
    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey { kid: self.kid(), ..self.key.public().clone() }
    }
}

/// The discovery document.
pub(crate) fn discovery(host: &str) -> Configuration {
    Configuration::new(ISSUER.to_owned(), format!("http://{host}/local/issuer/.well-known/jwks.json"))
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
