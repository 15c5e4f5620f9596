//! Receipts: the checks that earn one, what it states, and the keys that sign it.

use std::sync::Arc;

use countersign::http::RECEIPT;
use countersign::store::Store;
use countersign::store::embedded::EmbeddedStore;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::rig::{Client, Plan, Reply, TestClock, World};

mod authorizer;
mod keys;
mod rotation;
mod states;
mod transactions;

const ISSUER: &str = "https://countersign.example";
const SETTINGS: &[(&str, &str)] = &[("RECEIPT_ISSUER", ISSUER), ("RECEIPT_AUDIENCES", "shop")];

fn world() -> World {
    Plan::with(SETTINGS).build()
}

/// A world with receipts over a store.
fn world_on(store: Arc<dyn Store>) -> World {
    Plan::over(store, SETTINGS).build()
}

fn memory() -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::in_memory().unwrap())
}

/// An instance over a store.
fn instance_on(store: &Arc<dyn Store>, clock: &Arc<TestClock>, settings: &[(&str, &str)], seed: u64) -> World {
    Plan { clock: Arc::clone(clock), seed, ..Plan::over(Arc::clone(store), settings) }.build()
}

/// The same store and clock with other settings: another instance.
fn instance_with(world: &World, settings: &[(&str, &str)], seed: u64) -> World {
    instance_on(&world.store, &world.clock, settings, seed)
}

fn instance(world: &World, seed: u64) -> World {
    instance_with(world, SETTINGS, seed)
}

/// The receipt in the body or the header of an answer.
fn receipt_of(reply: &Reply) -> Option<String> {
    let in_header = reply.headers.get(RECEIPT).map(|value| value.to_str().unwrap().to_owned());
    let in_body = reply.json().get("receipt").and_then(Value::as_str).map(str::to_owned);
    assert!(in_header.is_none() || in_body.is_none(), "a receipt is in the header or in the body");
    in_header.or(in_body)
}

/// The ids of the published keys.
async fn published(world: &World) -> Vec<String> {
    world.service.published_keys().await.unwrap().0.into_iter().map(|key| key.kid).collect()
}

fn kid(receipt: &str) -> String {
    decode_header(receipt).unwrap().kid.unwrap()
}

/// The claims of a receipt that a verifier accepts, at the world's time, with the keys that are published now.
async fn claims(world: &World, receipt: &str) -> Option<Value> {
    let keys = world.service.published_keys().await.unwrap().0;
    let key = keys.iter().find(|key| key.kid == kid(receipt))?;
    let key = DecodingKey::from_rsa_raw_components(&key.modulus, &key.exponent);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["shop"]);
    // The world's clock is not the machine's, so the time is compared here.
    validation.validate_exp = false;
    let claims = decode::<Value>(receipt, &key, &validation).ok()?.claims;
    let is_valid = claims["iat"].as_i64().unwrap() <= world.now() && world.now() < claims["exp"].as_i64().unwrap();
    is_valid.then_some(claims)
}

/// The claims of an answer's receipt.
#[track_caller]
fn stated(world: &World, reply: &Reply) -> impl Future<Output = Value> + use<> {
    let (world, receipt) = (world.clone(), receipt_of(reply).expect("the answer has a receipt"));
    async move { claims(&world, &receipt).await.expect("the receipt is valid") }
}

/// Passes a check by a challenge.
async fn answer(client: &Client, factor: &str) -> Reply {
    let sent = client.post("/v1/me/challenges", json!({"factorId": factor})).await.expect(201);
    let body = json!({"challengeId": sent.text("/challengeId"), "code": client.world.postbox.code()});
    client.post("/v1/me/verify", body).await.expect(200)
}

/// Runs every test against its own store.
macro_rules! receipt_tests {
    ($store:ident, $fresh:path) => {
        crate::rig::suite! { receipts on $store from $fresh:
            states {
                a_check_with_an_app_earns_a_receipt_for_this_user_and_session,
                each_kind_of_factor_has_its_own_level_t13,
                an_enrollment_earns_a_receipt_that_is_no_second_factor_t52,
                the_other_dialects_give_the_receipt_of_a_check_in_a_header,
                a_code_in_place_of_a_recent_check_earns_no_receipt,
                a_receipt_for_the_back_end_names_the_user_and_no_session,
                a_receipt_is_no_access_token_t41,
                a_receipt_lives_five_minutes,
            }
            transactions {
                the_receipt_of_a_transaction_states_it_and_no_second_factor_t34,
                a_transaction_by_email_has_a_scope_of_its_own_t13,
                a_demand_is_not_met_by_what_the_account_has_lost_t13,
                a_transaction_by_an_app_was_not_shown_t34,
                a_demand_that_is_met_gives_the_receipt_of_the_check_before_t13,
                mfa_stands_only_where_the_back_end_stated_the_first_factor_t28,
            }
            rotation {
                a_rotation_under_load_refuses_no_receipt_t28,
            }
        }
    };
}

receipt_tests!(in_memory, crate::store::embedded::in_memory);
receipt_tests!(dynamodb_local, crate::store::dynamodb::fresh);
