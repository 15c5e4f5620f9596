//! Refusals that every route can give, in every dialect: no identity, keys or store not reachable, an internal failure.
//! The tests of each error's answer in each dialect are in `http::edge`.

use std::sync::Arc;

use countersign::http::caller::Identity;
use countersign::http::routes::{Access, Route};
use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Store, StoreError, Stored};
use serde_json::{Value, json};

use crate::bodies::given::well_meant;
use crate::bodies::shape::status_of;
use crate::rig::{Client, Faults, Plan, Reply, TestKeys, Trouble, World, routes_with_identity};

/// Makes every valid kind of request to a route.
async fn ask(client: &Client, route: &Route) -> Vec<(u16, Reply)> {
    let mut bodies = if route.method.as_str() == "GET" { Vec::new() } else { well_meant(route) };
    if bodies.is_empty() {
        bodies.push(Value::Null);
    }
    // A kind of factor that is not configured is refused before keys and store are used.
    bodies.retain(|body| body["factorType"] != "FACE");
    let path = route.path.replace("{userId}", "alice").replace("{id}", "aaaaaaaaaaaaaaaa");
    let path = if path.contains("get-factor") { path + "?factorId=aaaaaaaaaaaaaaaa" } else { path };
    let mut replies = Vec::new();
    for body in bodies {
        let reply = client.call(route.method.as_str(), &path, body).await;
        replies.push((status_of(route, &reply), reply));
    }
    replies
}

#[tokio::test]
async fn every_route_needs_an_identity_of_the_kind_that_it_takes() {
    let world = World::new();
    for route in routes_with_identity() {
        let other_kind = match route.access {
            Access::User => Client::new(&world, Some(Identity::BackEnd)),
            Access::BackEnd => world.user("alice"),
            Access::Public => unreachable!("it needs no identity"),
        };
        for client in [world.nobody(), other_kind, world.claiming(&[("iss", "https://issuer.example")])] {
            for (status, _) in ask(&client, &route).await {
                assert_eq!(status, 401, "{}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn every_route_is_busy_while_the_keys_are_away() {
    let world = Plan { keys: TestKeys::failing(i64::MAX), ..Plan::with(&[]) }.build();
    // Forgetting a user needs no keys.
    for route in routes_with_identity().into_iter().filter(|route| route.path != "/v1/users/{userId}") {
        for (status, reply) in ask(&world.caller(&route, "alice"), &route).await {
            assert_eq!((status, reply.retry_after()), (503, Some(1)), "{}", route.path);
        }
    }
}

#[tokio::test]
async fn every_route_is_busy_while_the_store_is_away() {
    for trouble in [Trouble::Throttled, Trouble::Silence] {
        let faults = Faults::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
        let world = World::on(faults.clone());
        faults.plan(trouble, 0, usize::MAX);
        for route in routes_with_identity() {
            for (status, reply) in ask(&world.caller(&route, "alice"), &route).await {
                assert_eq!((status, reply.retry_after()), (503, Some(1)), "{} {trouble:?}", route.path);
            }
        }
    }
}

/// A store that rejects every call.
struct Rejecting;

#[async_trait::async_trait]
impl Store for Rejecting {
    async fn get(&self, _: &Key) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Rejected("ResourceNotFoundException"))
    }

    async fn commit(&self, _: &Commit) -> Result<(), StoreError> {
        Err(StoreError::Rejected("ResourceNotFoundException"))
    }
}

#[tokio::test]
async fn an_internal_error_is_500_in_every_dialect_without_internal_details() {
    let world = World::on(Arc::new(Rejecting));
    for route in routes_with_identity() {
        for (status, reply) in ask(&world.caller(&route, "alice"), &route).await {
            let said = String::from_utf8_lossy(&reply.bytes);
            assert_eq!(status, 500, "{}: {said}", route.path);
            assert!(said.contains("Something went wrong."), "{}: {said}", route.path);
            for inside in ["store", "reject", "ResourceNotFound"] {
                assert!(!said.contains(inside), "{}: {said}", route.path);
            }
            assert_eq!(reply.retry_after(), None, "waiting does not help");
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_request_id() {
    let world = World::new();
    for route in routes_with_identity() {
        for client in [world.caller(&route, "alice"), world.nobody()] {
            for (_, reply) in ask(&client, &route).await {
                assert_eq!(reply.headers["x-request-id"], "request-1", "{}", route.path);
            }
        }
    }
    let problem = world.nobody().get("/v1/me/factors").await.json();
    assert_eq!(problem["requestId"], json!("request-1"));
}
