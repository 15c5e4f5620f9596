//! The events in `events/`, sent with `cargo lambda invoke` as a developer does.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::passkeys::PASSKEYS;
use crate::rig::sam::tool;
use crate::stack::{Stack, function_of, root};
use crate::walk::RETURN_URL;

#[tokio::test]
async fn every_event_is_answered_when_cargo_lambda_invokes_its_function() {
    let settings = [&[("RETURN_URLS", RETURN_URL)][..], &PASSKEYS].concat();
    let (Some(cargo_lambda), Some(stack)) = (tool("cargo-lambda"), Stack::start(&settings).await) else {
        return;
    };
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("events")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let event: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let function = function_of(event["routeKey"].as_str().unwrap());
        let port = stack.url.rsplit(':').next().unwrap();
        let output = Command::new(&cargo_lambda)
            .args(["lambda", "invoke", function, "-A", "127.0.0.1", "-P", port, "--data-file"])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (said, problem) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {said}{problem}", file.display());
        let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{}: {said}", file.display()));
        let status = answer["statusCode"].as_u64().unwrap();
        // The token in an event of a hosted session is an example.
        let is_of_session = event["routeKey"].as_str().unwrap().contains(" /v1/session");
        assert!((200..500).contains(&status) && (status == 401) == is_of_session, "{}: {answer}", file.display());
        assert_eq!(answer["headers"]["x-request-id"], event["requestContext"]["requestId"], "{}", file.display());
    }
}
