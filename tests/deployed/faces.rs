//! Faces through the binaries: enrolled with consent, compared by Rekognition beside another factor's check, and removed.
//! A proxy answers in place of Rekognition.

use std::collections::BTreeSet;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::rig::photos::{data_url, file, photo};
use crate::rig::proxy::{Fault, Proxy};
use crate::stack::Caller;
use crate::walk::{CONFIRM, Deployed, ENROLL, FACTOR, VERIFY, Walk, claims};

const LENA: &str = "lena";

/// Rekognition's answer about the reference's person.
const SAME: &str = r#"{"SourceImageFace": {}, "UnmatchedFaces": [], "FaceMatches": [
    {"Similarity": 99.5, "Face": {"BoundingBox": {"Width": 0.4, "Height": 0.6, "Left": 0.3, "Top": 0.2}}}]}"#;
/// Its answer about another person.
const OTHER: &str = r#"{"SourceImageFace": {}, "UnmatchedFaces": [], "FaceMatches": [
    {"Similarity": 3.5, "Face": {"BoundingBox": {"Width": 0.4, "Height": 0.6, "Left": 0.3, "Top": 0.2}}}]}"#;
/// Its answer to a photo without a face.
const NO_FACE: Fault = Fault::Refused(400, "InvalidParameterException");

/// Enrols a face, checks it and removes it. Returns the values that no log may contain.
pub(crate) fn faces(target: &dyn Deployed, rekognition: &Proxy) -> BTreeSet<String> {
    let mut walk = Walk::over(target);
    let face = enrolled_and_checked(&mut walk, rekognition);
    removed(&mut walk, &face);
    walk.secrets
}

/// Enrols Lena's face beside an app, and passes and fails checks with it. Returns the factor's id.
pub(crate) fn enrolled_and_checked(walk: &mut Walk<'_>, rekognition: &Proxy) -> String {
    let compared = |fault| rekognition.plan_for("CompareFaces", fault, 0, usize::MAX);
    let wanted = json!({"factorType": "face", "consent": {"version": "2027-01"}});
    assert_eq!(walk.call(LENA, ENROLL, &wanted).expect(403).text("/code"), "other_factor_required");
    let (secret, ..) = walk.app(LENA);
    links_are_refused(walk);
    assert_eq!(walk.call(LENA, ENROLL, &json!({"factorType": "face"})).expect(400).text("/code"), "consent_required");
    let token = walk.call(LENA, ENROLL, &wanted).expect(201).text("/enrollmentToken");

    let large = large_photo();
    assert!((2_000_000..3_000_000).contains(&(large.len() * 3 / 4)), "{} characters", large.len());
    walk.keep(&large[5000..5060]);
    let confirm = json!({"enrollmentToken": token, "photo": large});
    compared(NO_FACE);
    assert_eq!(walk.call(LENA, CONFIRM, &confirm).expect(400).text("/code"), "photo_unclear");
    compared(Fault::Told(SAME));
    let face = walk.call(LENA, CONFIRM, &confirm).expect(201).text("/factor/id");

    // A photo adds to a check of this session, and is none.
    let shown = json!({"photo": photo(1)});
    walk.keep(&photo(1)[200..260]);
    assert_eq!(walk.call(LENA, VERIFY, &shown).expect(403).text("/code"), "step_up_required");
    let code = walk.code(&secret, 1);
    walk.call(LENA, VERIFY, &json!({"code": code})).expect(200);
    let added = walk.call(LENA, VERIFY, &shown).expect(200);
    assert_eq!(json!([added.body["acr"], added.body["amr"]]), json!(["otp", ["otp", "face"]]));
    let receipt = walk.keep(&added.text("/receipt"));
    assert_eq!(claims(&receipt)["scope"], "second_factor otp face");
    let refused = walk.with(Caller::Elsewhere(LENA), VERIFY, &[], &shown).expect(403);
    assert_eq!(refused.text("/code"), "step_up_required");

    for (answer, code) in [(Fault::Told(OTHER), "incorrect_code"), (NO_FACE, "photo_unclear")] {
        compared(answer);
        assert_eq!(walk.call(LENA, VERIFY, &shown).expect(400).text("/code"), code);
    }
    rekognition.heal();
    face
}

/// Removes Lena's face. A photo then passes nothing.
pub(crate) fn removed(walk: &mut Walk<'_>, face: &str) {
    walk.with(Caller::User(LENA), &format!("DELETE {FACTOR}"), &[("id", face)], &json!({})).expect(204);
    assert_eq!(walk.call(LENA, VERIFY, &json!({"photo": photo(1)})).expect(400).text("/code"), "factor_required");
}

/// Without faces every photo is refused, and a large body is refused for its size.
pub(crate) fn are_off(walk: &mut Walk<'_>) {
    let wanted = json!({"factorType": "face", "consent": {"version": "2027-01"}});
    for (route, body) in [(ENROLL, wanted), (VERIFY, json!({"photo": photo(1)}))] {
        assert_eq!(walk.call(LENA, route, &body).expect(501).text("/code"), "channel_not_configured");
    }
    let refused = walk.call(LENA, VERIFY, &json!({"photo": large_photo()})).expect(413);
    assert_eq!(refused.text("/code"), "payload_too_large");
}

/// A photo whose file has about 2 MB, as a camera's may have. Its pixels are noise.
fn large_photo() -> String {
    let mut state = 1_u32;
    let image = RgbImage::from_fn(900, 760, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        }))
    });
    data_url("image/png", &file(&image, ImageFormat::Png))
}

/// Links are GenAuth's alone. One to a host that is not the operator's is not fetched.
fn links_are_refused(walk: &mut Walk<'_>) {
    const ENROLL_FACTOR: &str = "POST /api/v3/enroll-factor";
    let request = json!({"factorType": "FACE", "profile": {"consent": {"version": "2027-01"}}});
    let begun = walk.call(LENA, "POST /api/v3/send-enroll-factor-request", &request).expect(200);
    let token = begun.text("/data/enrollmentToken");
    for link in [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://photos.example.com@169.254.169.254/",
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    ] {
        let data = json!({"photo": link, "isExternalPhoto": true});
        let body = json!({"factorType": "FACE", "enrollmentToken": token, "enrollmentData": data});
        let refused: Value = walk.call(LENA, ENROLL_FACTOR, &body).expect(200).body;
        assert_eq!(json!([refused["statusCode"], refused["apiCode"]]), json!([400, 1700]), "{link}: {refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(!message.contains("could not be fetched"), "{link}: {message}");
    }
}
