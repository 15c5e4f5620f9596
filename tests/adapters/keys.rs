//! Master keys in KMS, for which moto stands in.

use std::sync::Arc;

use countersign::domain::secret::KeyVersion;
use countersign::keys::kms::KmsKeys;
use countersign::keys::{Keys, KeysError, ROOT_LABEL};
use tokio::task::JoinSet;

use crate::rig::moto::{self, encryption_key, hmac_key};
use crate::rig::proxy::{Fault, Proxy};
use crate::rig::{Plan, clients_at};

/// Keys in KMS at this endpoint, with a function's client.
pub(super) async fn kms_keys(endpoint: &str, arns: &[(u8, String)]) -> Arc<KmsKeys> {
    let arns = arns.iter().map(|(version, arn)| (KeyVersion(*version), arn.clone()));
    Arc::new(KmsKeys::new(clients_at(endpoint).await.kms, arns.collect()))
}

#[tokio::test]
async fn a_root_key_is_the_mac_from_kms_and_is_reproducible() {
    let Some(endpoint) = moto::endpoint() else { return };
    let (first, second) = (hmac_key(), hmac_key());
    for keys in [
        kms_keys(endpoint, &[(2, second.clone()), (1, first.clone())]).await,
        kms_keys(endpoint, &[(1, first.clone())]).await,
    ] {
        let root = keys.derive(KeyVersion(1), ROOT_LABEL).await.unwrap();
        assert_eq!(root.as_slice(), moto::mac(&first, ROOT_LABEL));
        assert_eq!(keys.derive(KeyVersion(1), ROOT_LABEL).await.unwrap(), root);
    }
    let keys = kms_keys(endpoint, &[(2, second.clone()), (1, first.clone())]).await;
    let root = keys.derive(KeyVersion(2), ROOT_LABEL).await.unwrap();
    assert_eq!(root.as_slice(), moto::mac(&second, ROOT_LABEL));
    assert_eq!(keys.derive(KeyVersion(3), ROOT_LABEL).await, Err(KeysError("the key version is not configured")));
}

#[tokio::test]
async fn an_unknown_kms_key_and_one_of_another_kind_give_distinct_errors() {
    let Some(endpoint) = moto::endpoint() else { return };
    let unknown = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    for (arn, error) in
        [(unknown, "KMS has no such key"), (encryption_key().as_str(), "the key is not an HMAC_256 key")]
    {
        let keys = kms_keys(endpoint, &[(1, arn.to_owned())]).await;
        assert_eq!(keys.derive(KeyVersion(1), ROOT_LABEL).await, Err(KeysError(error)));
    }
}

/// Whatever the fault is, requests are answered as busy until it ends; no restart is needed. Then each version is
/// fetched once for the process's life.
#[tokio::test]
async fn keys_are_fetched_again_by_each_request_until_kms_answers() {
    let Some(endpoint) = moto::endpoint() else { return };
    let arns: Arc<[(u8, String)]> = Arc::new([(2, hmac_key()), (1, hmac_key())]);
    let table = [
        (Fault::Refused(400, "AccessDeniedException"), "KMS denies access to the key"),
        (Fault::Refused(400, "NotFoundException"), "KMS has no such key"),
        (Fault::Refused(400, "DisabledException"), "the key is disabled in KMS"),
        (Fault::Refused(400, "KMSInvalidStateException"), "the key is disabled in KMS"),
        (Fault::Refused(400, "ExpiredTokenException"), "KMS rejected the function's credentials"),
        (Fault::Refused(400, "SomethingNew"), "KMS refused the request"),
        (Fault::Throttled, "KMS throttled the request"),
        (Fault::Broken, "KMS internal error"),
        (Fault::Foreign(502), "KMS did not answer"),
        (Fault::Garbage, "KMS did not answer"),
        (Fault::Cut, "KMS did not answer"),
        (Fault::CutAfter, "KMS did not answer"),
        (Fault::Slow, "KMS did not answer"),
    ];
    let mut cases = JoinSet::new();
    for (fault, error) in table {
        cases.spawn(trouble_and_its_end(endpoint, Arc::clone(&arns), fault, error));
    }
    cases.join_all().await;
}

async fn trouble_and_its_end(endpoint: &str, arns: Arc<[(u8, String)]>, fault: Fault, error: &'static str) {
    let proxy = Proxy::to(endpoint);
    let keys = kms_keys(&proxy.url(), &arns).await;
    let world = Plan { keys: keys.clone(), ..Plan::with(&[]) }.build();
    proxy.plan(fault, 0, 3);
    assert_eq!(keys.derive(KeyVersion(1), ROOT_LABEL).await, Err(KeysError(error)), "{fault:?}");
    world.service.warm_up().await;
    let reply = world.user("alice").get("/v1/me/factors").await;
    assert_eq!((reply.outcome(), reply.retry_after()), ((503, "busy".to_owned()), Some(1)), "{fault:?}");
    let seen = proxy.take().await;
    assert_eq!(seen.len(), 3, "{fault:?}: nothing is repeated");
    assert!(seen.iter().all(|seen| seen.given_up == (fault == Fault::Slow)), "{fault:?}");
    // The fault has ended.
    for _ in 0..3 {
        world.user("alice").get("/v1/me/factors").await.expect(200);
    }
    let seen: Vec<_> = proxy.take().await.iter().map(|seen| seen.name().to_owned()).collect();
    assert_eq!(seen, ["GenerateMac", "GenerateMac"], "{fault:?}: one for each version");
}

#[tokio::test]
async fn requests_are_busy_while_kms_is_unreachable() {
    let keys = kms_keys(&Proxy::to_nowhere().url(), &[(1, "arn".to_owned())]).await;
    assert_eq!(keys.derive(KeyVersion(1), ROOT_LABEL).await, Err(KeysError("KMS did not answer")));
    let world = Plan { keys, ..Plan::with(&[]) }.build();
    world.user("alice").get("/v1/me/factors").await.expect(503);
}
