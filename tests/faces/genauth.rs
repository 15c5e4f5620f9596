//! GenAuth's FACE.

use std::sync::Arc;

use countersign::domain::factor::face::{Unclear, Verdict};
use countersign::store::Store;
use image::ImageFormat;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::faces::{photo, picture};
use crate::rig::{Client, enroll_app};

const SEND: &str = "/api/v3/send-enroll-factor-request";
const ENROLL_FACTOR: &str = "/api/v3/enroll-factor";

async fn begun(client: &Client) -> String {
    // The one place that both published clients can send it in.
    let body = json!({"factorType": "FACE", "profile": {"consent": {"version": "2027-01"}}});
    client.post(SEND, body).await.expect(200).text("/data/enrollmentToken")
}

async fn enroll(client: &Client, token: &str, data: Value) -> Value {
    let body = json!({"factorType": "FACE", "enrollmentToken": token, "enrollmentData": data});
    client.post(ENROLL_FACTOR, body).await.expect(200).json()
}

#[track_caller]
fn is(answer: &Value, status: u16, api_code: u16) {
    assert_eq!((&answer["statusCode"], &answer["apiCode"]), (&json!(status), &json!(api_code)), "{answer}");
}

async fn listed(client: &Client, path: &str) -> Value {
    client.get(path).await.expect(200).json()["data"].clone()
}

pub(super) async fn a_face_is_enrolled_and_reset_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    let open = listed(&alice, "/api/v3/list-factors-to-enroll").await;
    assert!(open.as_array().unwrap().contains(&json!({"factorType": "FACE"})), "{open}");
    let token = begun(&alice).await;
    // A nested null, as the Python client sends it, is no answer.
    let answer =
        enroll(&alice, &token, json!({"photo": photo(ALICE), "isExternalPhoto": null, "passCode": null})).await;
    assert_eq!(answer["statusCode"], 200);
    let factors = listed(&alice, "/api/v3/list-enrolled-factors").await;
    let face = &factors[1];
    assert_eq!(json!([face["factorType"], face["profile"]]), json!(["FACE", {}]));
    show(&alice, ALICE).await.expect(200);
    alice.post("/api/v3/reset-factor", json!({"factorId": face["factorId"]})).await.expect(200);
    assert_eq!(listed(&alice, "/api/v3/list-enrolled-factors").await.as_array().unwrap().len(), 1);
    refused(&show(&alice, ALICE).await, 400, "factor_required");
}

pub(super) async fn a_link_is_fetched_from_the_operators_hosts_alone_t36(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    let token = begun(&alice).await;
    *world.links.file.lock().unwrap() = Some(picture(ALICE, ImageFormat::Png));
    for link in [
        "http://photos.example.com/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://photos.example.com@169.254.169.254/",
        "https://photos.example.com.evil.example/a.png",
        "https://photos.example.com:8443/a.png",
        "https://evil.example/?photos.example.com",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
    ] {
        let answer = enroll(&alice, &token, json!({"photo": link, "isExternalPhoto": true})).await;
        is(&answer, 400, 1700);
    }
    // A link without the flag is no photo.
    is(&enroll(&alice, &token, json!({"photo": "https://photos.example.com/a.png"})).await, 400, 1700);
    assert_eq!(*world.links.asked.lock().unwrap(), Vec::<String>::new());
    assert_eq!(world.judge.calls(), 0);
    let answer =
        enroll(&alice, &token, json!({"photo": "https://photos.example.com/a.png?s=1", "isExternalPhoto": true})).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(*world.links.asked.lock().unwrap(), ["photos.example.com/a.png?s=1"]);
    show(&alice, ALICE).await.expect(200);
}

pub(super) async fn its_errors_have_the_documented_codes_t45(store: Arc<dyn Store>) {
    let mut plan = plan(&store, &[]);
    plan.settings.faces.as_mut().unwrap().comparisons_per_day = 2;
    let world = plan.build();
    let alice = world.user("alice");
    let no_consent = alice.post(SEND, json!({"factorType": "FACE", "profile": {}})).await.expect(200).json();
    is(&no_consent, 400, 9016);
    let body = json!({"factorType": "FACE", "consent": {"version": "1"}});
    is(&alice.post(SEND, body.clone()).await.expect(200).json(), 422, 1703);
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    let token = alice.post(SEND, body.clone()).await.expect(200).text("/data/enrollmentToken");
    is(&enroll(&alice, &token, json!({})).await, 400, 1700);
    is(&enroll(&alice, &token, json!({"photo": "data:image/webp;base64,AAAA"})).await, 400, 1700);
    world.judge.will_say(Ok(Verdict::Unclear(Unclear::SeveralFaces)));
    is(&enroll(&alice, &token, json!({"photo": photo(ALICE)})).await, 422, 1702);
    assert_eq!(enroll(&alice, &token, json!({"photo": photo(ALICE)})).await["statusCode"], 200);
    is(&alice.post(SEND, body.clone()).await.expect(200).json(), 409, 1706);
    // Two photos were compared, which is the most of this day.
    let face = listed(&alice, "/api/v3/list-enrolled-factors").await[1]["factorId"].clone();
    alice.post("/api/v3/reset-factor", json!({"factorId": face})).await.expect(200);
    let token = begun(&alice).await;
    is(&enroll(&alice, &token, json!({"photo": photo(ALICE)})).await, 429, 9017);
    let world = super::given::plan(&store, &[("FACES", "off")]).build();
    is(&world.user("bob").post(SEND, body).await.expect(200).json(), 501, 9013);
}
