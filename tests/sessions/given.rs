//! Common preparations of the tests.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use crate::rig::{Client, Plan, Reply, World};

pub(super) const VIEW: &str = "/v1/session";
pub(super) const VERIFY: &str = "/v1/me/verify";
pub(super) const CHALLENGE: &str = "/v1/me/challenges";
pub(super) const ENROLL: &str = "/v1/me/enrollments";
pub(super) const CONFIRM: &str = "/v1/me/enrollments/confirm";
pub(super) const FACTORS: &str = "/v1/me/factors";
pub(super) const CODES: &str = "/v1/me/recovery-codes";
pub(super) const LEAVE: &str = "/v1/session/cancel";

pub(super) const RETURN: &str = "https://shop.example/signed-in";
/// The browser of the person, and another one.
pub(super) const BROWSER: &str = "AAAAAAAAAAAAAAAAAAAAAA";
pub(super) const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBA";

pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("RECEIPT_ISSUER", "https://countersign.example"),
    ("RETURN_URLS", "https://shop.example/signed-in,https://shop.example/account"),
];

pub(super) fn world(store: Arc<dyn Store>) -> World {
    Plan::over(store, SETTINGS).build()
}

/// A session: its id, and the person in their browser.
pub(super) struct Begun {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) person: Client,
}

/// Creates a session of Alice with these fields beside the return URL.
pub(super) async fn begin(world: &World, mut fields: Value) -> Begun {
    if fields.get("returnUrl").is_none() {
        fields["returnUrl"] = RETURN.into();
    }
    let created = world.back_end("alice").post("/v1/me/sessions", fields).await.expect(201);
    let (page, token) =
        created.text("/url").split_once('#').map(|(page, token)| (page.to_owned(), token.to_owned())).unwrap();
    assert_eq!(page, "https://countersign.example/page");
    Begun { id: created.text("/id"), person: world.in_session(&token, BROWSER), token }
}

pub(super) async fn check_session(world: &World) -> Begun {
    begin(world, json!({"purpose": "check"})).await
}

/// The one-time code in the URL that the browser goes to.
pub(super) fn code_in(next: &str, id: &str) -> String {
    let (place, query) = next.split_once('?').unwrap();
    assert_eq!(place, RETURN);
    let code = query.strip_prefix(&format!("session={id}&code=")).unwrap_or_else(|| panic!("{next}"));
    code.to_owned()
}

/// Passes the check of a session with an app; returns the one-time code.
pub(super) async fn pass(begun: &Begun, secret: &str) -> String {
    let code = begun.person.world.next_code(secret);
    let passed = begun.person.post(VERIFY, json!({"code": code})).await.expect(200);
    code_in(&passed.text("/next"), &begun.id)
}

pub(super) async fn redeem(world: &World, id: &str, code: &str) -> Reply {
    world.back_end("alice").post(&format!("/v1/me/sessions/{id}/redeem"), json!({"code": code})).await
}

pub(super) async fn status(world: &World, id: &str) -> String {
    world.back_end("alice").get(&format!("/v1/me/sessions/{id}")).await.expect(200).text("/status")
}

#[track_caller]
pub(super) fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{}", reply.json());
}
