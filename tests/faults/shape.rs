//! The comparable content of a store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::store::{Item, Key, Stored, Value as Attribute};

/// The items with content. A request that was undone leaves an item without content.
pub(super) fn contents(items: &BTreeMap<Key, Stored>) -> BTreeMap<&Key, &Item> {
    items.iter().map(|(key, stored)| (key, &stored.item)).filter(|(key, item)| !is_nothing(key, item)).collect()
}

fn is_nothing(key: &Key, item: &Item) -> bool {
    match key.as_str().split('#').next() {
        Some("e") => item.text("state") == Ok("none"),
        Some("c") => item.text("state") == Ok("none") && item.numbers("sent").unwrap().is_empty(),
        Some("l") => item.maps("sent").unwrap().is_empty(),
        _ => false,
    }
}

/// The contents with random values (ids, nonces, secrets and digests) replaced by their lengths.
pub(super) type Shape = BTreeMap<String, String>;

pub(super) fn shape(items: &BTreeMap<Key, Stored>) -> Shape {
    let mut shape = Shape::new();
    for (key, item) in contents(items) {
        // The factor in the key of a challenge is random, and so is the session in the key of a session.
        let name = key.as_str().split('#').take(if key.as_str().starts_with(['c', 's']) { 2 } else { 3 });
        shape.entry(name.collect::<Vec<_>>().join("#")).or_default().push_str(&shape_of(item));
    }
    shape
}

fn shape_of(item: &Item) -> String {
    let mut text = String::from("{");
    for (name, value) in item.iter() {
        let value = if name == "id" { "…".to_owned() } else { shape_of_value(value) };
        write!(text, " {name}: {value}").unwrap();
    }
    text + " }"
}

fn shape_of_value(value: &Attribute) -> String {
    match value {
        Attribute::Text(text) => format!("{text:?}"),
        Attribute::Number(number) => number.to_string(),
        Attribute::Bytes(bytes) => format!("{} B", bytes.len()),
        Attribute::Map(map) => shape_of(map),
        Attribute::List(values) => values.iter().map(shape_of_value).collect::<Vec<_>>().join(" "),
    }
}
