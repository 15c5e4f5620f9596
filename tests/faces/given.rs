//! Common preparations of the tests.

use std::sync::Arc;

use countersign::store::Store;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::rig::faces::photo;
use crate::rig::{Client, Plan, Reply, World, enroll_app};

pub(super) const ENROLL: &str = "/v1/me/enrollments";
pub(super) const CONFIRM: &str = "/v1/me/enrollments/confirm";
pub(super) const VERIFY: &str = "/v1/me/verify";
pub(super) const FACTORS: &str = "/v1/me/factors";

pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("FACES", "on"),
    ("RECEIPT_ISSUER", "https://countersign.example"),
    ("PHOTO_HOSTS", "photos.example.com"),
    ("RETURN_URLS", "https://shop.example/signed-in"),
];

/// Two persons.
pub(super) const ALICE: u8 = 1;
pub(super) const MALLORY: u8 = 2;

pub(super) fn plan(store: &Arc<dyn Store>, settings: &[(&str, &str)]) -> Plan {
    Plan::over(Arc::clone(store), &[SETTINGS, settings].concat())
}

pub(super) fn world(store: Arc<dyn Store>) -> World {
    plan(&store, &[]).build()
}

#[track_caller]
pub(super) fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{}", reply.json());
}

pub(super) fn consent() -> Value {
    json!({"factorType": "face", "consent": {"version": "2027-01"}})
}

/// Begins to enrol a face; returns the token.
pub(super) async fn begin(client: &Client) -> String {
    client.post(ENROLL, consent()).await.expect(201).text("/enrollmentToken")
}

pub(super) async fn confirm(client: &Client, token: &str, photo: &str) -> Reply {
    client.post(CONFIRM, json!({"enrollmentToken": token, "photo": photo})).await
}

/// Enrols Alice's face in a session with a recent check; returns its id.
pub(super) async fn enroll_face(client: &Client) -> String {
    let token = begin(client).await;
    confirm(client, &token, &photo(ALICE)).await.expect(201).text("/factor/id")
}

/// Alice with an app and her face, and a recent check by the app; returns the app's secret and id, and the face's id.
pub(super) async fn with_face(world: &World) -> (Client, String, String, String) {
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    let face = enroll_face(&alice).await;
    (alice, secret, app, face)
}

/// Passes a check with an app.
pub(super) async fn pass(client: &Client, secret: &str) -> Reply {
    client.post(VERIFY, json!({"code": client.world.next_code(secret)})).await.expect(200)
}

pub(super) async fn show(client: &Client, person: u8) -> Reply {
    client.post(VERIFY, json!({"photo": photo(person)})).await
}

/// The claims of a receipt.
pub(super) fn claims(reply: &Reply) -> Value {
    let receipt = reply.text("/receipt");
    serde_json::from_slice(&BASE64URL_NOPAD.decode(receipt.split('.').nth(1).unwrap().as_bytes()).unwrap()).unwrap()
}
