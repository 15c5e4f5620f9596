//! The units that DynamoDB bills, computed from the items' sizes and compared with AWS's own DynamoDB Local.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use countersign::store::dynamodb::DynamoDbStore;
use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Value, Version};

use crate::faults::bench::Space;
use crate::faults::flows;
use crate::rig::Plan;
use crate::rig::dynamodb::{client, create_table};

/// The size of an item in the table, in bytes: its content under one attribute, its key, its version, as many earlier
/// versions as an item keeps, and its time to live.
pub(super) fn size(key: &Key, item: &Item, ttl: Option<i64>) -> usize {
    let table_row = Item::default()
        .with("pk", key.as_str())
        .with("item", item.clone())
        .with("v", vec![0_u8; Version::LENGTH])
        .with("v1", vec![0_u8; Version::LENGTH])
        .with("v2", vec![0_u8; Version::LENGTH])
        .with("v3", vec![0_u8; Version::LENGTH])
        .with_some("ttl", ttl);
    table_row.size()
}

/// Read and write units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) reads: usize,
    pub(super) writes: usize,
}

/// The units of each read, and of each item of each commit.
#[derive(Default)]
pub(super) struct Used {
    reads: Vec<usize>,
    commits: Vec<Vec<usize>>,
}

impl Used {
    /// The billed units: in a transaction, each item counts twice.
    pub(super) fn billed(&self) -> Units {
        let commit = |items: &Vec<usize>| if items.len() > 1 { 2 } else { 1 } * items.iter().sum::<usize>();
        Units { reads: self.reads.iter().sum(), writes: self.commits.iter().map(commit).sum() }
    }

    /// The units that `DynamoDB` Local reports: of a transaction's items with equal units it counts only one.
    fn billed_locally(&self) -> Units {
        let commit = |items: &Vec<usize>| match items.as_slice() {
            [item] => *item,
            items => 2 * items.iter().collect::<BTreeSet<_>>().into_iter().sum::<usize>(),
        };
        Units { writes: self.commits.iter().map(commit).sum(), ..self.billed() }
    }
}

/// The units of a strongly consistent read: one for each started 4 KB, at least one.
fn reads(size: usize) -> usize {
    size.div_ceil(4096).max(1)
}

/// The units of a write: one for each started KB of the larger of the item before and after.
fn writes(before: usize, after: usize) -> usize {
    before.max(after).div_ceil(1024)
}

/// A store that counts the units of successful calls, as `DynamoDB` bills them.
pub(super) struct Metered {
    inner: Arc<dyn Store>,
    used: Mutex<Used>,
    /// The size of each item when it was last written through this store.
    sizes: Mutex<BTreeMap<Key, usize>>,
}

impl Metered {
    pub(super) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, used: Mutex::default(), sizes: Mutex::default() })
    }

    /// The units used since the last call.
    pub(super) fn take(&self) -> Used {
        std::mem::take(&mut *self.used.lock().unwrap())
    }
}

#[async_trait::async_trait]
impl Store for Metered {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let stored = self.inner.get(key).await?;
        let size = stored.as_ref().map_or(0, |stored| size(key, &stored.item, stored.ttl));
        self.used.lock().unwrap().reads.push(reads(size));
        Ok(stored)
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.inner.commit(commit).await?;
        let mut known = self.sizes.lock().unwrap();
        let changed = commit.puts.iter().map(|Put { key, item, ttl, .. }| {
            let after = size(key, item, *ttl);
            writes(known.insert(key.clone(), after).unwrap_or(0), after)
        });
        self.used.lock().unwrap().commits.push(changed.collect());
        Ok(())
    }
}

/// Asks `DynamoDB` for the units of every call and adds them up.
#[derive(Clone, Debug, Default)]
struct Bill(Arc<Mutex<Units>>);

impl Bill {
    fn take(&self) -> Units {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Intercept for Bill {
    fn name(&self) -> &'static str {
        "bill"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let total = Some(ReturnConsumedCapacity::Total);
        let input = context.input_mut();
        if let Some(get) = input.downcast_mut::<GetItemInput>() {
            get.return_consumed_capacity = total;
        } else if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
            update.return_consumed_capacity = total;
        } else if let Some(transact) = input.downcast_mut::<TransactWriteItemsInput>() {
            transact.return_consumed_capacity = total;
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        let mut used = Units::default();
        if let Some(got) = output.downcast_ref::<GetItemOutput>() {
            used.reads = whole(got.consumed_capacity().unwrap());
        } else if let Some(updated) = output.downcast_ref::<UpdateItemOutput>() {
            used.writes = whole(updated.consumed_capacity().unwrap());
        } else if let Some(transacted) = output.downcast_ref::<TransactWriteItemsOutput>() {
            used.writes = transacted.consumed_capacity().iter().map(whole).sum();
        }
        let mut sum = self.0.lock().unwrap();
        *sum = Units { reads: sum.reads + used.reads, writes: sum.writes + used.writes };
        Ok(())
    }
}

/// The units of a call. They are a whole number, because reads are strongly consistent.
fn whole(consumed: &ConsumedCapacity) -> usize {
    let units = consumed.capacity_units().unwrap();
    assert!(units > 0.0 && units.fract() == 0.0, "{units}");
    format!("{units}").parse().unwrap()
}

/// A store in `DynamoDB` Local with the units of each call; `None` if it is not available.
async fn billed() -> Option<(Arc<DynamoDbStore>, Bill)> {
    let client = client().await?;
    create_table(&client, "units").await;
    let bill = Bill::default();
    let config = client.config().to_builder().interceptor(bill.clone()).build();
    let store = DynamoDbStore::new(aws_sdk_dynamodb::Client::from_conf(config), "units".to_owned());
    Some((Arc::new(store), bill))
}

#[tokio::test]
async fn the_computed_units_of_every_flow_match_dynamodb_local() {
    let Some((store, bill)) = billed().await else { return };
    let metered = Metered::new(store);
    for (number, flow) in (1..).zip(flows::all()) {
        // Each flow has its own seed, because a version that is used twice is refused.
        let world = Plan { seed: number, ..Plan::over(Arc::new(Space::of(metered.clone())), &[]) }.build();
        let scene = (flow.prepare)(&world).await;
        assert_eq!(bill.take(), metered.take().billed_locally(), "before {}", flow.name);
        scene.ask(&world).await;
        assert_eq!(bill.take(), metered.take().billed_locally(), "{}", flow.name);
    }
}

/// An item with this size under this key: it has every kind of value, and text to fill it up.
fn weighing(key: &Key, weight: usize) -> Item {
    let inner = Item::default().with("größe", 1_234_567_i64).with("bytes", vec![7_u8; 33]).with("negative", -50_i64);
    let item = |filler: usize| {
        Item::default()
            .with("list", Value::List(vec![inner.clone().into(), 0_i64.into(), "日本".into()]))
            .with("map", inner.clone())
            .with("filler", "x".repeat(filler).as_str())
    };
    item(weight - size(key, &item(0), None))
}

/// One item goes from nothing to small, small, small, small, to a size, to small, and to the size together with another
/// item. By then it keeps all its earlier versions. The other item has a different number of units, because of
/// [`Used::billed_locally`].
#[tokio::test]
async fn the_computed_unit_boundaries_match_dynamodb_local() {
    const SMALL: usize = 500;
    let Some((store, bill)) = billed().await else { return };
    let metered = Metered::new(store);
    for (number, weight) in (1_u8..).zip([1000, 1023, 1024, 1025, 2048, 2049, 4096, 4097, 8192, 8193]) {
        let [one, other] = ["one", "other"].map(|name| Key::new('t', &[name, &weight.to_string()]));
        let version = |step: u8| Version([number, step, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let put = |key: &Key, weight, step: u8| Put {
            key: key.clone(),
            replaces: step.checked_sub(1).map_or(Replaces::Nothing, |before| Replaces::Version(version(before))),
            item: weighing(key, weight),
            ttl: None,
        };
        for (step, weight) in (0_u8..).zip([SMALL, SMALL, SMALL, SMALL, weight, SMALL, weight]) {
            let beside = (step == 6).then(|| put(&other, 10_000, 0));
            let puts = std::iter::once(put(&one, weight, step)).chain(beside).collect();
            metered.commit(&Commit { version: version(step), puts }).await.unwrap();
            metered.get(&one).await.unwrap().unwrap();
            assert_eq!(bill.take(), metered.take().billed(), "step {step}, {weight} bytes");
        }
    }
    assert_eq!(metered.get(&Key::new('t', &["nothing"])).await, Ok(None));
    assert_eq!(bill.take(), metered.take().billed());
}

#[tokio::test]
async fn the_meter_counts_the_units_of_the_calls_it_forwards() {
    let metered = Metered::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    let put = |name: &str, replaces, weight| {
        let key = Key::new('t', &[name]);
        Put { item: weighing(&key, weight), key, replaces, ttl: None }
    };
    let commit = async |version: u8, puts| {
        metered.commit(&Commit { version: Version([version; Version::LENGTH]), puts }).await.unwrap();
    };
    let over = |version| Replaces::Version(Version([version; Version::LENGTH]));
    metered.get(&Key::new('t', &["1"])).await.unwrap();
    commit(1, vec![put("1", Replaces::Nothing, 3000)]).await;
    commit(2, vec![put("1", over(1), 500)]).await;
    assert_eq!(metered.take().billed(), Units { reads: 1, writes: 3 + 3 });
    metered.get(&Key::new('t', &["1"])).await.unwrap();
    commit(3, vec![put("1", over(2), 500), put("2", Replaces::Nothing, 1025)]).await;
    assert_eq!(metered.take().billed(), Units { reads: 1, writes: 2 * (1 + 2) });
    assert_eq!(metered.take().billed(), Units::default());
}
