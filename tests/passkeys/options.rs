//! The options of both ceremonies.

use countersign::clock::SystemRandomness;
use countersign::domain::factor::passkey::{
    Challenge, CreationOptions, CredentialId, Demands, Descriptor, Hint, RequestOptions, Transports, UserHandle,
};

use super::given::Given;

#[test]
fn the_options_have_the_json_forms_of_the_standard() {
    let given = Given::new();
    let ids = [CredentialId::from_bytes(&[1; 20]).unwrap(), CredentialId::from_bytes(&[2; 20]).unwrap()];
    let [first, second] = &ids;
    let known = [
        Descriptor { id: first, transports: Transports::from_bits(0x30) },
        Descriptor { id: second, transports: Transports::default() },
    ];
    let creation = CreationOptions {
        relying_party: &given.relying_party,
        user_handle: &given.user_handle,
        user_name: "alice@example.com",
        display_name: "Alice",
        challenge: &given.challenge,
        demands: &Demands::SECOND_FACTOR,
        exclude: &known,
        timeout_ms: 300_000,
        hints: &[Hint::ClientDevice, Hint::Hybrid, Hint::SecurityKey],
    };
    insta::assert_json_snapshot!("creation", creation.to_json());
    let creation = CreationOptions { demands: &Demands::SOLE_FACTOR, exclude: &[], hints: &[], ..creation };
    insta::assert_json_snapshot!("creation_sole_factor", creation.to_json());
    let request = RequestOptions {
        relying_party: &given.relying_party,
        challenge: &given.challenge,
        demands: &Demands::SECOND_FACTOR,
        allow: &known,
        timeout_ms: 300_000,
        hints: &[],
    };
    insta::assert_json_snapshot!("request", request.to_json());
}

#[test]
fn challenges_and_user_handles_are_random_t44() {
    let randomness = SystemRandomness;
    let challenges: Vec<_> = (0..3).map(|_| Challenge::random(None, &randomness).unwrap().encode()).collect();
    assert!(challenges.iter().all(|challenge| challenge.len() == 22));
    assert!(challenges[0] != challenges[1] && challenges[1] != challenges[2]);
    let handles: Vec<_> = (0..2).map(|_| UserHandle::random(&randomness).unwrap()).collect();
    assert_ne!(handles[0], handles[1]);
    assert_eq!(handles[0].as_bytes().len(), 32);
    assert_eq!(UserHandle::from_bytes(handles[0].as_bytes()).as_ref(), Some(&handles[0]));
}
