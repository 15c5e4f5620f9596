//! The vectors of the standard (section 16).

use countersign::domain::factor::passkey::{
    Algorithm, Asserted, AuthenticationResponse, Challenge, Demands, Expected, Refused, Registered,
    RegistrationResponse, RelyingParty, UserHandle, verify_assertion, verify_registration,
};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::given::credential_of;
use crate::rig::authenticator::{BS, UV, assertion_json, registration_json};

struct Vector<'a>(&'a Value);

impl Vector<'_> {
    fn bytes(&self, ceremony: &str, name: &str) -> Vec<u8> {
        HEXLOWER.decode(self.0[ceremony][name].as_str().unwrap().as_bytes()).unwrap()
    }

    /// Verifies both ceremonies. The assertion is `None` if the registration is refused.
    fn verify(&self) -> (Result<Registered, Refused>, Option<Result<Asserted, Refused>>) {
        let relying_party = RelyingParty::new("example.org", "Example", &["https://example.org"]).unwrap();
        let challenge = |ceremony| Challenge::from_bytes(&self.bytes(ceremony, "challenge")).unwrap();
        let demands = Demands::SECOND_FACTOR;
        let user = UserHandle::from_bytes(&[0; 32]).unwrap();

        let of = |name| self.bytes("registration", name);
        let id = of("credential_id");
        let json = registration_json(&id, &of("clientDataJSON"), &of("attestationObject"), &json!([]));
        let response = RegistrationResponse::parse(&json).unwrap();
        let challenges = [challenge("registration"), challenge("authentication")];
        let [first, second] = &challenges;
        let expected = |challenge| Expected { relying_party: &relying_party, challenge, demands: &demands };
        let registered = verify_registration(&expected(first), &response);

        let asserted = registered.clone().ok().map(|registered| {
            let of = |name| self.bytes("authentication", name);
            let json = assertion_json(&id, &of("clientDataJSON"), &of("authenticatorData"), &of("signature"));
            let response = AuthenticationResponse::parse(&json).unwrap();
            verify_assertion(&expected(second), &credential_of(registered), &user, &response)
        });
        (registered, asserted)
    }
}

#[test]
fn the_vectors_of_the_standard_pass_where_they_are_supported_t43() {
    let file: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let outcomes = vectors.iter().map(Vector).map(|vector| {
        let (registered, asserted) = vector.verify();
        let outcome = match (registered, asserted) {
            (Ok(registered), Some(Ok(asserted))) => {
                let flags = vector.bytes("authentication", "authenticatorData")[32];
                assert_eq!(asserted.user_verified, flags & UV != 0);
                assert_eq!(asserted.backed_up, flags & BS != 0);
                Ok(registered.algorithm())
            }
            (Ok(_), Some(Err(refused))) => panic!("an assertion is refused: {refused:?}"),
            (Err(refused), None) => Err(refused),
            other => unreachable!("{other:?}"),
        };
        (vector.0["name"].as_str().unwrap(), outcome)
    });
    let (es256, eddsa, rs256) = (Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256);
    let expected = [
        ("none-es256", Ok(es256)),
        ("packed-self-es256", Ok(es256)),
        ("none-es256-crossOrigin", Err(Refused::CrossOrigin)),
        ("none-es256-topOrigin", Err(Refused::CrossOrigin)),
        ("none-es256-long-credential-id", Ok(es256)),
        ("packed-es256", Ok(es256)),
        ("packed-es384", Err(Refused::PublicKey)),
        ("packed-es512", Err(Refused::PublicKey)),
        ("packed-rs256", Ok(rs256)),
        ("packed-eddsa", Ok(eddsa)),
        ("packed-ed448", Err(Refused::PublicKey)),
        ("tpm-es256", Ok(es256)),
        ("android-key-es256", Ok(es256)),
        ("apple-es256", Ok(es256)),
        ("fido-u2f-es256", Ok(es256)),
    ];
    assert_eq!(outcomes.collect::<Vec<_>>(), expected);
}
