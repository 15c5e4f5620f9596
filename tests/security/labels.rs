//! Labels and account names, which people read.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::json;

use super::given::*;
use crate::rig::{World, enroll_app};

pub(super) async fn a_label_with_invisible_or_bidi_characters_is_refused_t51(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, id, _) = enroll_app(&alice, "Phone").await;
    let path = format!("{FACTORS}/{id}");
    for label in
        ["\u{200b}", "Pho\u{200b}ne", "\u{202e}enohP", "Pho\u{2066}ne\u{2069}", "Pho\u{200d}ne", "\u{feff}Phone"]
    {
        let refused = alice.post(ENROLL, json!({"factorType": "totp", "label": label})).await;
        expect(&refused, 400, "invalid_request");
        assert_eq!(refused.json()["errors"][0]["field"], "label", "{label:?}");
        expect(&alice.patch(&path, json!({"label": label})).await, 400, "invalid_request");
    }
    for label in ["Zoës Büro", "我的手机", "می\u{200c}خواهم", "👩\u{200d}💻"] {
        assert_eq!(alice.patch(&path, json!({"label": label})).await.expect(200).text("/label"), label);
    }
}
