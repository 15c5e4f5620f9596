//! Lost replies: the connection is cut after the store applied a write, and others write before it is tried again.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{CutOff, World, enroll_app, enroll_email, enroll_phone};

/// Numbers of writers in between: up to the number of earlier versions that an item keeps.
const WRITERS: [usize; 4] = [0, 1, 2, 3];

pub(super) async fn a_right_code_passes_exactly_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = World::on(cut_off.clone());
    for writers in WRITERS {
        let alice = world.user(&format!("alice-{writers}"));
        let (secret, _, codes) = enroll_app(&alice, "App").await;
        let phone = enroll_phone(&alice, &format!("+861380013800{writers}")).await;

        let code = world.next_code(&secret);
        cut_off.cut(writers);
        verify(&alice, &code).await.expect(200);
        assert!(cut_off.was_cut());
        expect(&verify(&alice, &code).await, 400, "code_already_used");

        let (id, code) = challenge(&alice, &phone).await;
        cut_off.cut(writers);
        answer(&alice, &id, &code).await.expect(200);
        assert!(cut_off.was_cut());
        expect(&answer(&alice, &id, &code).await, 409, "already_used");

        cut_off.cut(writers);
        let reply = verify(&alice, &codes[0]).await.expect(200);
        assert!(cut_off.was_cut());
        assert_eq!(reply.json()["remainingRecoveryCodes"], 9);
        expect(&verify(&alice, &codes[0]).await, 400, "incorrect_code");
    }
}

pub(super) async fn an_enrollment_is_confirmed_exactly_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = World::on(cut_off.clone());
    for writers in WRITERS {
        let alice = world.user(&format!("alice-{writers}"));
        cut_off.cut(writers);
        let (token, secret) = begin_app(&alice, "App").await;
        assert!(cut_off.was_cut());
        let code = world.next_code(&secret);
        cut_off.cut(writers);
        let codes = confirm(&alice, &token, &code).await.expect(201).json()["recoveryCodes"].clone();
        assert!(cut_off.was_cut());
        expect(&confirm(&alice, &token, &code).await, 409, "already_used");
        verify(&alice, codes[0].as_str().unwrap()).await.expect(200);

        // A message is sent once, even if the answer to its commit was lost.
        let messages = world.postbox.calls();
        cut_off.cut(writers);
        enroll_email(&alice, &format!("alice{writers}@example.com")).await;
        assert_eq!((cut_off.was_cut(), world.postbox.calls()), (true, messages + 1));

        let bob = world.user(&format!("bob-{writers}"));
        let (id, secret) = logto::begin(&bob).await;
        let code = world.next_code(&secret);
        cut_off.cut(writers);
        logto::verify(&bob, &id, &code).await.expect(200);
        assert!(cut_off.was_cut());
        cut_off.cut(writers);
        logto::bind(&bob, &id).await.expect(204);
        assert!(cut_off.was_cut());
        expect(&logto::bind(&bob, &id).await, 422, "user.totp_already_in_use");
    }
}

pub(super) async fn a_wrong_code_is_counted_exactly_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = World::on(cut_off.clone());
    for writers in WRITERS {
        let alice = world.user(&format!("alice-{writers}"));
        let (secret, ..) = enroll_app(&alice, "App").await;
        for remaining in (0..5).rev() {
            cut_off.cut(writers);
            let reply = verify(&alice, &world.wrong_code(&secret)).await;
            expect(&reply, 400, "incorrect_code");
            assert_eq!((cut_off.was_cut(), reply.json()["remainingAttempts"].as_u64()), (true, Some(remaining)));
        }
        expect(&verify(&alice, &world.wrong_code(&secret)).await, 429, "too_many_attempts");
    }
}

pub(super) async fn factor_changes_are_answered_as_successful_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = World::on(cut_off.clone());
    for writers in WRITERS {
        let alice = world.user(&format!("alice-{writers}"));
        let (secret, app, _) = enroll_app(&alice, "App").await;
        let path = format!("{FACTORS}/{app}");
        let code = world.next_code(&secret);
        let session = world.session(&format!("alice-{writers}"), "other");
        cut_off.cut(writers);
        session.patch(&path, json!({"label": "Other", "code": code})).await.expect(200);
        assert!(cut_off.was_cut());
        cut_off.cut(writers);
        let codes = alice.post(CODES, Value::Null).await.expect(201).json()["recoveryCodes"].clone();
        assert!(cut_off.was_cut());
        verify(&alice, codes[0].as_str().unwrap()).await.expect(200);
        cut_off.cut(writers);
        alice.delete(&path, Value::Null).await.expect(204);
        assert!(cut_off.was_cut());
        expect(&alice.get(&path).await, 404, "not_found");
    }
}
