//! The JSON forms of responses: each wrong member is named, and its value never.

use countersign::domain::factor::passkey::{AuthenticationResponse, RegistrationResponse, ResponseProblem, Transports};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::given::{Given, ORIGIN};
use crate::rig::authenticator::{Authenticator, Key};

/// A registration and an assertion.
fn responses() -> [Value; 2] {
    let given = Given::new();
    let mut phone = Authenticator::phone(Key::es256(1));
    [phone.create(&given.options(), ORIGIN).json(), phone.get(&given.options(), ORIGIN).json()]
}

fn parse(index: usize, json: &Value) -> Result<(), ResponseProblem> {
    match index {
        0 => RegistrationResponse::parse(json).map(drop),
        _ => AuthenticationResponse::parse(json).map(drop),
    }
}

/// The place of a member in a response.
fn place<'a>(json: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(json, |value, name| &mut value[name])
}

const REQUIRED: [&[&str]; 2] = [
    &["id", "rawId", "type", "response.clientDataJSON", "response.attestationObject"],
    &["id", "rawId", "type", "response.clientDataJSON", "response.authenticatorData", "response.signature"],
];

#[test]
fn a_member_that_is_missing_or_no_text_is_named() {
    for (index, good) in responses().iter().enumerate() {
        assert_eq!(parse(index, good), Ok(()));
        for field in REQUIRED[index] {
            for (value, problem) in
                [(Value::Null, "is missing"), (json!(1), "must be a string"), (json!({}), "must be a string")]
            {
                let mut json = good.clone();
                *place(&mut json, field) = value;
                assert_eq!(parse(index, &json), Err(ResponseProblem { field, problem }));
            }
        }
        let mut json = good.clone();
        json.as_object_mut().unwrap().remove("response");
        let field = "response.clientDataJSON";
        assert_eq!(parse(index, &json), Err(ResponseProblem { field, problem: "is missing" }));
        for other in [json!(null), json!([]), json!("text")] {
            assert_eq!(parse(index, &other), Err(ResponseProblem { field: "", problem: "must be an object" }));
        }
    }
}

#[test]
fn bytes_are_base64url_without_padding_and_of_a_limited_length() {
    for (index, good) in responses().iter().enumerate() {
        let fields = REQUIRED[index].iter().filter(|field| !["rawId", "type"].contains(field));
        for field in fields.chain(if index == 1 { &["response.userHandle"][..] } else { &[] }) {
            // Padding, the other alphabet, white space, a length that none has, and trailing bits.
            for text in ["AA==", "+/+/", "AAAA\n", "A", "AB", "AAAAA"] {
                let mut json = good.clone();
                *place(&mut json, field) = json!(text);
                let problem = "must be base64url without padding";
                assert_eq!(parse(index, &json), Err(ResponseProblem { field, problem }), "{text:?}");
            }
            let mut json = good.clone();
            *place(&mut json, field) = json!("A".repeat(200_000));
            assert_eq!(parse(index, &json), Err(ResponseProblem { field, problem: "is too long" }));
        }
    }
}

#[test]
fn the_type_and_both_ids_are_compared() {
    for (index, good) in responses().iter().enumerate() {
        let mut json = good.clone();
        json["type"] = json!("password");
        assert_eq!(parse(index, &json), Err(ResponseProblem { field: "type", problem: "must be public-key" }));
        let mut json = good.clone();
        json["rawId"] = json!("AAAA");
        assert_eq!(parse(index, &json), Err(ResponseProblem { field: "rawId", problem: "must be the same as `id`" }));
        let with_id = |bytes: &[u8]| {
            let mut json = good.clone();
            json["id"] = BASE64URL_NOPAD.encode(bytes).into();
            json["rawId"] = json["id"].clone();
            parse(index, &json)
        };
        assert_eq!(with_id(&[1; 1023]), Ok(()));
        assert_eq!(with_id(&[1; 1024]), Err(ResponseProblem { field: "id", problem: "is too long" }));
        assert_eq!(with_id(&[]), Err(ResponseProblem { field: "id", problem: "is empty" }));
    }
}

#[test]
fn members_that_may_be_absent_are_read_if_they_are_there() {
    let given = Given::new();
    let [good, assertion] = responses();
    let with = |transports: Value| {
        let mut json = good.clone();
        json["response"]["transports"] = transports;
        given.register(&json).unwrap().transports
    };
    assert_eq!(with(json!(["usb", "nfc"])).names().collect::<Vec<_>>(), ["usb", "nfc"]);
    for unknown in [json!(null), json!([]), json!(["internal", "telepathy"])] {
        assert_eq!(with(unknown), Transports::default());
    }
    for wrong in [json!("usb"), json!([1]), json!({})] {
        let mut json = good.clone();
        json["response"]["transports"] = wrong;
        let problem = ResponseProblem { field: "response.transports", problem: "must be an array of strings" };
        assert_eq!(parse(0, &json), Err(problem));
    }
    let mut json = assertion;
    json["response"]["userHandle"] = json!(null);
    json.as_object_mut().unwrap().remove("clientExtensionResults");
    json["more"] = json!([1]);
    assert_eq!(parse(1, &json), Ok(()));
}

#[test]
fn a_response_is_not_printed() {
    let [registration, assertion] = responses();
    assert_eq!(format!("{:?}", RegistrationResponse::parse(&registration)), "Ok(RegistrationResponse(…))");
    assert_eq!(format!("{:?}", AuthenticationResponse::parse(&assertion)), "Ok(AuthenticationResponse(…))");
}
