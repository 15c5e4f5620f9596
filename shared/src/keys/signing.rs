//! RSA keys that sign JWTs with RS256 (RFC 7518, section 3.3), the one algorithm that the JWT authorizer of an HTTP API
//! takes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::domain::error::Error;
use crate::domain::receipt_keys::PublicKey;

/// An RSA key pair of 2048 bits.
pub struct RsaKey {
    pair: KeyPair,
    public: PublicKey,
}

impl RsaKey {
    /// A new key. It takes about 0.1 s of a full processor.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system's random generator fails.
    pub fn generate() -> Result<Self, Error> {
        KeyPair::generate(KeySize::Rsa2048).map(Self::of).map_err(|_| Error::Internal("an RSA key could not be made"))
    }

    /// Reads a key from PKCS #8 (RFC 5958) in DER.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is not an RSA private key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        KeyPair::from_pkcs8(der).map(Self::of).map_err(|_| Error::Internal("a stored key is not an RSA private key"))
    }

    /// The private key as PKCS #8 in DER.
    ///
    /// # Errors
    /// [`Error::Internal`] if the encoding fails, which it never does in practice.
    pub fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.pair);
        let der = der.map_err(|_| Error::Internal("an RSA key could not be encoded"))?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The public half, with its id.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public key in DER (`RSAPublicKey`, RFC 8017, appendix A.1.1).
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A JWT in compact form (RFC 7515, section 3.1) with the header `typ`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the claims can't be encoded or the signature fails.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        self.sign_with(&Header { alg: "RS256", kid: &self.public.kid, typ }, claims)
    }

    /// The same with any header. The signature is by RS256, whatever the header says.
    ///
    /// # Errors
    /// As [`RsaKey::sign`].
    pub fn sign_with(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String, Error> {
        const FAILED: Error = Error::Internal("a JWT could not be signed");
        let mut token = format!("{}.{}", part(header)?, part(claims)?);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature);
        signed.map_err(|_| FAILED)?;
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Ok(token)
    }

    fn of(pair: KeyPair) -> Self {
        let key = pair.public_key();
        let modulus = key.modulus().big_endian_without_leading_zero().to_vec();
        let exponent = key.exponent().big_endian_without_leading_zero().to_vec();
        let kid = thumbprint(&modulus, &exponent);
        Self { pair, public: PublicKey { kid, modulus, exponent } }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'a str,
}

fn part(value: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(value).map_err(|_| Error::Internal("a JWT could not be encoded"))?;
    Ok(BASE64URL_NOPAD.encode(&json))
}

/// The thumbprint of an RSA key (RFC 7638, section 3): SHA-256 over its required members in the order of their names.
fn thumbprint(modulus: &[u8], exponent: &[u8]) -> String {
    let (n, e) = (BASE64URL_NOPAD.encode(modulus), BASE64URL_NOPAD.encode(exponent));
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    BASE64URL_NOPAD.encode(digest(&SHA256, members.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_example_in_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO\
                 pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let modulus = BASE64URL_NOPAD.decode(n.as_bytes()).unwrap();
        let exponent = BASE64URL_NOPAD.decode(b"AQAB").unwrap();
        assert_eq!(thumbprint(&modulus, &exponent), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_key_survives_its_encoding() {
        let key = RsaKey::generate().unwrap();
        let again = RsaKey::from_pkcs8(&key.pkcs8().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().modulus.len(), 256);
        // RS256 is deterministic (RFC 8017, section 8.2).
        assert_eq!(key.sign("receipt+jwt", &1).unwrap(), again.sign("receipt+jwt", &1).unwrap());
        assert!(RsaKey::from_pkcs8(b"no key").is_err());
    }
}
