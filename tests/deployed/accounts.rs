//! Every factor through the binaries: enrolled, checked and removed, in every dialect and by the back end. The policies
//! must allow each call to AWS, and the logs must contain no personal data.

use countersign::http::routes::Function;
use serde_json::Value;

use crate::faces::faces;
use crate::passkeys::{PASSKEYS, passkeys};
use crate::stack::Stack;
use crate::template::Template;
use crate::walk::{RETURN_URL, TRANSFERS, everything};

/// The users of the walks.
const WALKERS: [&str; 12] =
    ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kate", "lena"];

#[tokio::test]
async fn every_flow_makes_only_permitted_aws_calls_and_logs_no_secret_t23_t38() {
    let settings = [("RESEND_SECONDS", "1"), ("TRANSACTION_TYPES", TRANSFERS), ("RETURN_URLS", RETURN_URL)];
    let Some(stack) = Stack::start(&[&settings[..], &PASSKEYS].concat()).await else { return };
    let mut secrets = everything(&stack);
    secrets.extend(passkeys(&stack));
    secrets.extend(faces(&stack, stack.others("verify")));
    assert!(secrets.len() > 40, "{} secrets were collected", secrets.len());

    let template = Template::read().unwrap();
    for function in Function::ALL.map(Function::name) {
        assert_eq!(stack.asked(function).await, template.allowed(function), "{function}: asked for and allowed");
        let log = stack.log(function);
        assert!(!log.is_empty(), "{function} logs nothing");
        for line in log {
            let fields: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("{function} logs no JSON: {line}"));
            assert!(line.len() < 600, "{} bytes: {line}", line.len());
            assert!(fields["timestamp"].is_string() && fields["level"].is_string(), "{line}");
            if fields["message"] == "request" {
                assert!(!fields["request.id"].as_str().unwrap().is_empty(), "{line}");
            }
            for secret in &secrets {
                assert!(!line.contains(secret.as_str()), "{function} logs {secret}: {line}");
            }
            for user in WALKERS {
                assert!(!line.contains(user), "{function} logs who it was: {line}");
            }
        }
    }
}
