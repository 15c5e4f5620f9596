//! A factor whose secret or destination can't be opened is in nobody's way: not in that of the account's other factors, and
//! not in that of its owner, who can remove it.

use std::sync::Arc;

use countersign::store::records::account_key;
use countersign::store::{Store, Value as Attribute};
use serde_json::{Value, json};

use super::given::*;
use super::secrets::{item, plant, user};
use crate::rig::{World, enroll_app, enroll_email, enroll_phone};

/// A damage to the sealed part of a factor, whose first byte is the key version.
type Damage = fn(&mut Vec<u8>);

/// The ways in which a factor becomes unreadable.
const DAMAGES: [(&str, Damage); 3] = [
    ("a bit fell over", |sealed| *sealed.last_mut().unwrap() ^= 1),
    ("only the key version is left", |sealed| sealed.truncate(1)),
    ("its key version is not configured", |sealed| sealed[0] = 9),
];

/// Damages the sealed parts of some of Alice's factors.
async fn damage(store: &dyn Store, ids: &[&str], how: Damage) {
    let account = item(store, &account_key(&user("alice"))).await;
    let factors = account.maps("factors").unwrap().into_iter().map(|factor| {
        if !ids.contains(&factor.text("id").unwrap()) {
            return factor.clone();
        }
        let name = if factor.text("type").unwrap() == "totp" { "secret" } else { "to" };
        let mut sealed = factor.bytes(name).unwrap().to_vec();
        how(&mut sealed);
        factor.clone().with(name, sealed)
    });
    let factors = Attribute::from(factors.collect::<Vec<_>>());
    plant(store, account_key(&user("alice")), account.clone().with("factors", factors)).await;
}

pub(super) async fn an_unreadable_factor_is_listed_and_the_others_work_t22(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let alice = world.user("alice");
    for (how, damages) in DAMAGES {
        world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
        world.pass(24 * 3600);
        let (old_secret, old, codes) = enroll_app(&alice, "Old").await;
        let (secret, new, _) = enroll_app(&alice, "New").await;
        let phone = enroll_phone(&alice, "+8613800138000").await;
        let mail = enroll_email(&alice, "alice@example.com").await;
        damage(&*store, &[&old, &phone], damages).await;

        // Every dialect lists it, with what is readable.
        let listed = alice.get(FACTORS).await.expect(200).json();
        let factors = listed["factors"].as_array().unwrap();
        let unreadable: Vec<_> = factors.iter().map(|factor| factor.get("unreadable").is_some()).collect();
        assert_eq!(unreadable, [true, false, true, false], "{how}: {listed}");
        assert_eq!((&factors[2]["label"], &factors[2]["type"]), (&json!("SMS"), &json!("sms")), "{how}");
        assert!(factors[2]["createdAt"].is_string() && factors[2].get("maskedDestination").is_none(), "{how}");
        assert_eq!(alice.get(&format!("{FACTORS}/{old}")).await.expect(200).json(), factors[0], "{how}");
        let genauth = alice.get("/api/v3/list-enrolled-factors").await.json()["data"].clone();
        assert_eq!(genauth[2], json!({"factorId": phone, "factorType": "SMS", "profile": {}}), "{how}");
        assert_eq!(alice.get(profile::TWO_FA).await.expect(200).json()["data"]["enabled"], true, "{how}");

        // A request that names no factor means the others, and one that names it fails.
        let laptop = world.session("alice", "laptop");
        let refused = laptop.delete(&format!("{FACTORS}/{new}"), Value::Null).await;
        expect(&refused, 403, "step_up_required");
        let offered: Vec<_> = refused.json()["factors"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        assert_eq!(offered, [json!(new)], "{how}: a check with this one is enough");
        assert!(passed(&laptop.post(GENAUTH_VERIFY, json!({"totp": world.next_code(&secret)})).await), "{how}");
        verify(&laptop, &world.next_code(&secret)).await.expect(200);
        let by_type = json!({"code": world.next_code(&secret), "factorType": "totp"});
        laptop.post(VERIFY, by_type).await.expect(200);
        let by_id = json!({"code": world.next_code(&old_secret), "factorId": old});
        expect(&laptop.post(VERIFY, by_id).await, 500, "internal");
        assert_eq!(laptop.post(CHALLENGE, json!({})).await.expect(201).text("/factorId"), mail, "{how}");
        for named in [json!({"factorId": phone}), json!({"factorType": "sms"})] {
            let messages = world.postbox.calls();
            expect(&laptop.post(CHALLENGE, named).await, 500, "internal");
            assert_eq!(world.postbox.calls(), messages, "{how}");
        }

        // It can be renamed, enrolled anew and removed: after a check, with a code of another app, or by the back end.
        laptop.patch(&format!("{FACTORS}/{old}"), json!({"label": "Oldest"})).await.expect(200);
        world.pass(60);
        let again = enroll_phone(&laptop, "+8613800138000").await;
        assert_ne!(again, phone);
        let tablet = world.session("alice", "tablet");
        let code = json!({"code": world.next_code(&secret)});
        tablet.delete(&format!("{FACTORS}/{old}"), code).await.expect(204);
        let removed = tablet.delete(&format!("{FACTORS}/{phone}"), json!({"code": codes[0]})).await;
        removed.expect(204);
        damage(&*store, &[&again], damages).await;
        world.back_end("alice").delete(&format!("{FACTORS}/{again}"), Value::Null).await.expect(204);
        let left = alice.get(FACTORS).await.expect(200).json();
        assert!(!left.to_string().contains("unreadable") && left["factors"].as_array().unwrap().len() == 2, "{left}");
    }
}

pub(super) async fn a_user_whose_only_factor_is_unreadable_is_not_without_factors_t22(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let alice = world.session("alice", "laptop");
    let (secret, app, codes) = enroll_app(&world.user("alice"), "App").await;
    damage(&*store, &[&app], DAMAGES[0].1).await;
    // An application may let a user in who has no factor. So this is a fault, in every dialect.
    let code = world.next_code(&secret);
    expect(&verify(&alice, &code).await, 500, "internal");
    expect(&alice.post(VERIFY, json!({"code": code, "factorType": "totp"})).await, 500, "internal");
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": code})).await, 500, "");
    expect(&alice.post(logto::VERIFY, json!({"code": code})).await, 500, "entity.internal");
    alice.patch(PROFILE_DISABLE, json!({"code": code})).await.expect(500);
    expect(&alice.post(ENROLL, json!({"factorType": "totp"})).await, 403, "step_up_required");
    // A recovery code is the way out.
    verify(&alice, &codes[0]).await.expect(200);
    alice.delete(&format!("{FACTORS}/{app}"), Value::Null).await.expect(204);
    enroll_app(&alice, "App").await;
}
