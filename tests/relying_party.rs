//! The relying party of passkeys, as browsers see it: the document with the origins that may use them.

use serde_json::json;

use crate::rig::Plan;

const PATH: &str = "/.well-known/webauthn";

#[tokio::test]
async fn the_origins_that_may_use_passkeys_are_public_and_cacheable() {
    let app = "android:apk-key-hash:7d1043473d55bfa90e8530d35801d4e381bc69f0fcE";
    let origins = format!("https://example.com, https://countersign.example, {app}, https://example.ch");
    let world = Plan::with(&[("RP_ID", "example.com"), ("RP_ORIGINS", &origins)]).build();
    let reply = world.nobody().get(PATH).await.expect(200);
    assert_eq!(
        reply.json(),
        json!({"origins": ["https://example.com", "https://countersign.example", "https://example.ch"]})
    );
    for (name, value) in [("content-type", "application/json"), ("cache-control", "public, max-age=300")] {
        assert_eq!(reply.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn there_is_no_such_document_without_a_relying_party() {
    let world = Plan::with(&[("RP_ID", ""), ("RP_ORIGINS", "")]).build();
    let reply = world.nobody().get(PATH).await.expect(501);
    assert_eq!(reply.text("/code"), "channel_not_configured");
    assert_eq!(reply.text("/detail"), "The relying party is not set up here.");
    for (name, value) in [("content-type", "application/problem+json"), ("cache-control", "no-store")] {
        assert_eq!(reply.headers[name], value, "{name}");
    }
}
