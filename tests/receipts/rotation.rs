//! A rotation of the keys while several instances sign, before verifiers that keep the keys for two hours.

use std::sync::Arc;

use countersign::domain::receipt_keys::PublicKey;
use countersign::store::Store;
use serde_json::json;

use super::{SETTINGS, instance_on, kid, receipt_of, world_on};
use crate::rig::tools::totp;
use crate::rig::{Client, World, enroll_app};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// Seconds for which API Gateway keeps an issuer's keys.
const KEPT: i64 = 2 * 3600;

/// A verifier that fetches the keys only when those it has are two hours old.
struct Gateway {
    fetched_at: i64,
    keys: Vec<PublicKey>,
}

impl Gateway {
    async fn knows(&mut self, world: &World, receipt: &str) -> bool {
        if world.now() - self.fetched_at >= KEPT {
            // As `page` answers: it may hold the keys for a minute itself.
            self.keys = world.service.keys_for_anyone().await.unwrap().0;
            self.fetched_at = world.now();
        }
        self.keys.iter().any(|key| key.kid == kid(receipt))
    }
}

/// One check of every user, all at once.
async fn receipts(users: &[(Client, String)]) -> Vec<String> {
    let check = |(user, secret): &(Client, String)| {
        let (user, code) = (user.clone(), totp(secret, user.world.now()));
        tokio::spawn(async move { user.post("/v1/me/verify", json!({"code": code})).await.expect(200) })
    };
    let mut receipts = Vec::new();
    for checked in users.iter().map(check).collect::<Vec<_>>() {
        receipts.push(receipt_of(&checked.await.unwrap()).unwrap());
    }
    receipts
}

/// Five instances sign every five minutes through two rotations. One of them starts in the middle. No gateway meets a
/// key that it does not know, and no receipt outlives its key.
pub(super) async fn a_rotation_under_load_refuses_no_receipt_t28(store: Arc<dyn Store>) {
    let first = world_on(Arc::clone(&store));
    let settings: Vec<_> = SETTINGS.iter().copied().chain([("RECEIPT_KEY_DAYS", "1")]).collect();
    let mut users = Vec::new();
    let add = async |seed: u64, users: &mut Vec<(Client, String)>| {
        let instance = instance_on(&store, &first.clock, &settings, seed);
        let user = instance.user(&format!("user-{seed}"));
        let (secret, ..) = enroll_app(&user, "App").await;
        users.push((user, secret));
    };
    for seed in 2..6 {
        add(seed, &mut users).await;
    }
    first.pass(5 * MINUTE);
    // Three gateways that fetch at different times.
    let start = first.now();
    let mut gateways: Vec<_> =
        (0..3).map(|number| Gateway { fetched_at: start - KEPT + number * 37 * MINUTE, keys: Vec::new() }).collect();
    for gateway in &mut gateways {
        gateway.keys = first.service.published_keys().await.unwrap().0;
    }
    let (mut signed_by, mut alive) = (Vec::new(), Vec::new());
    // The hours around the first rotation, and around the second.
    for hour in [23..29, 47..56].into_iter().flatten() {
        first.pass(start + hour * 3600 - first.now());
        if hour == 26 {
            add(6, &mut users).await;
        }
        for _ in 0..11 {
            first.pass(5 * MINUTE);
            let (now, fresh) = (first.now(), receipts(&users).await);
            for receipt in &fresh {
                for gateway in &mut gateways {
                    assert!(gateway.knows(&first, receipt).await, "hour {hour}: a gateway does not know the key");
                }
                if !signed_by.contains(&kid(receipt)) {
                    signed_by.push(kid(receipt));
                }
            }
            alive.retain(|(until, _): &(i64, String)| *until > now);
            alive.extend(fresh.into_iter().map(|receipt| (now + 300, kid(&receipt))));
            let published = super::published(&first).await;
            assert!(alive.iter().all(|(_, kid)| published.contains(kid)), "hour {hour}: a receipt outlives its key");
            assert!(published.len() <= 2, "{published:?}");
        }
    }
    assert_eq!(signed_by.len(), 3, "two rotations: {signed_by:?}");
    assert!(first.now() - start < 3 * DAY);
}
