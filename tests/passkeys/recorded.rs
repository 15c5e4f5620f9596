//! Answers of a browser, recorded with its virtual authenticators.

use countersign::domain::factor::passkey::{Algorithm, Credential, RelyingParty};
use serde_json::Value;

use super::given::{Given, credential_of};

#[test]
fn the_answers_of_a_browser_pass_with_every_kind_of_authenticator_t43() {
    let file: Value = serde_json::from_str(include_str!("chromium.json")).unwrap();
    let origin = file["origin"].as_str().unwrap();
    let relying_party = RelyingParty::new("localhost", "Example", &[origin]).unwrap();
    let given = Given { relying_party, ..Given::new() };
    let answers = file["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 10);
    for answer in answers {
        let name = answer["authenticator"].as_str().unwrap();
        let registered = given.register(&answer["registration"]).unwrap();
        let is_built_in = name.starts_with("a phone or computer");
        assert_eq!(registered.algorithm(), Algorithm::Es256, "{name}");
        assert_eq!(registered.user_verified, is_built_in, "{name}");
        assert_eq!(registered.backup_eligible, name.ends_with(", synchronised"), "{name}");
        let transports: Vec<_> = registered.transports.names().collect();
        assert_eq!(transports, [if is_built_in { "internal" } else { "usb" }], "{name}");

        let mut credential = credential_of(registered);
        for assertion in answer["assertions"].as_array().unwrap() {
            // A discoverable credential returns the user handle.
            assert_eq!(assertion["response"]["userHandle"].is_string(), is_built_in, "{name}");
            let asserted = given.assert(&credential, assertion).unwrap();
            assert_eq!(asserted.user_verified, is_built_in, "{name}");
            assert!(asserted.counter > credential.counter, "{name}");
            credential = Credential { counter: asserted.counter, ..credential };
        }
    }
}
