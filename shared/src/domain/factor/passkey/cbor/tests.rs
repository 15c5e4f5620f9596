//! The examples of RFC 8949, wrong forms, and random items through the writer.

use data_encoding::HEXLOWER;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[track_caller]
fn refused(text: &str, reason: Malformed) {
    assert_eq!(read(&hex(text)), Err(reason), "{text}");
}

/// RFC 8949, appendix A: the examples of the kinds that are read.
#[test]
fn the_examples_of_rfc_8949_are_read() {
    let integers = [
        ("00", 0),
        ("01", 1),
        ("17", 23),
        ("1818", 24),
        ("1864", 100),
        ("1903e8", 1000),
        ("1a000f4240", 1_000_000),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("1bffffffffffffffff", 18_446_744_073_709_551_615),
        ("3bffffffffffffffff", -18_446_744_073_709_551_616),
        ("20", -1),
        ("3863", -100),
        ("3903e7", -1000),
    ];
    for (text, value) in integers {
        assert_eq!(read(&hex(text)), Ok(Item::Integer(value)), "{text}");
    }
    assert_eq!(read(&hex("f4")), Ok(Item::Bool(false)));
    assert_eq!(read(&hex("f5")), Ok(Item::Bool(true)));
    assert_eq!(read(&hex("f6")), Ok(Item::Null));
    assert_eq!(read(&hex("4401020304")), Ok(Item::Bytes(&[1, 2, 3, 4])));
    assert_eq!(read(&hex("62c3bc")), Ok(Item::Text("ü")));
    assert_eq!(read(&hex("60")), Ok(Item::Text("")));
    assert_eq!(read(&hex("a0")), Ok(Item::Map(vec![])));
    let (one, two, three) = (Item::Integer(1), Item::Integer(2), Item::Integer(3));
    assert_eq!(read(&hex("83010203")), Ok(Item::Array(vec![one.clone(), two.clone(), three.clone()])));
    let list = Item::Array(vec![two, three]);
    assert_eq!(read(&hex("a26161016162820203")), Ok(Item::Map(vec![(Item::Text("a"), one), (Item::Text("b"), list)])));
}

#[test]
fn another_form_of_the_same_value_is_refused() {
    for long in ["1817", "190018", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3800", "5800", "7800", "9800", "b800"]
    {
        refused(long, Malformed::Head);
    }
    for indefinite in ["5f4101ff", "7f6161ff", "9f01ff", "bf0101ff", "1c", "1d", "1e", "1f"] {
        refused(indefinite, Malformed::Head);
    }
    let tags = ["c000", "d81800"];
    let floats = ["f90000", "fa00000000", "fb0000000000000000"];
    for unsupported in tags.into_iter().chain(floats).chain(["f7", "f0", "e0", "f820", "ff"]) {
        refused(unsupported, Malformed::Unsupported);
    }
}

#[test]
fn keys_are_integers_and_texts_without_repetitions() {
    assert!(read(&hex("a60100181800200038180061620062616100")).is_ok());
    for repeated in ["a201000100", "a3200000002000", "a2616100616101"] {
        refused(repeated, Malformed::Repeated);
    }
    for other in ["a1410100", "a1f500", "a18000", "a1a000"] {
        refused(other, Malformed::KeyType);
    }
}

#[test]
fn a_map_has_at_most_32_entries() {
    let map = |entries: u8| [vec![0xb8, entries], (0..entries).flat_map(|key| [0x18, key + 24, 0]).collect()].concat();
    assert!(read(&map(32)).is_ok());
    assert_eq!(read(&map(33)), Err(Malformed::Entries));
}

#[test]
fn an_input_ends_with_its_item() {
    for truncated in ["", "18", "1900", "41", "6261", "8201", "a101"] {
        refused(truncated, Malformed::Truncated);
    }
    refused("0000", Malformed::Trailing);
    refused("61ff", Malformed::Utf8);
    assert_eq!(read_first(&[0x41, 7, 0x80]), Ok((Item::Bytes(&[7]), &[0x80][..])));
}

/// 2^64 − 1 items or bytes are claimed and none are there.
#[test]
fn a_claimed_length_costs_nothing() {
    for claimed in ["9bffffffffffffffff", "5bffffffffffffffff", "7bffffffffffffffff"] {
        refused(claimed, Malformed::Truncated);
    }
    refused("bbffffffffffffffff", Malformed::Entries);
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize, head: &str| hex(&(head.repeat(depth) + "00"));
    assert!(read(&nested(8, "81")).is_ok());
    assert_eq!(read(&nested(9, "81")), Err(Malformed::Depth));
    assert!(read(&nested(8, "a100")).is_ok());
    assert_eq!(read(&nested(9, "a100")), Err(Malformed::Depth));
    assert_eq!(read(&nested(1_000_000, "81")), Err(Malformed::Depth));
}

/// An item with its own texts and bytes, so that a strategy can make it.
#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Integer(i128),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Owned>),
    Map(Vec<(Owned, Owned)>),
    Bool(bool),
    Null,
}

impl Owned {
    fn borrowed(&self) -> Item<'_> {
        match self {
            Self::Integer(value) => Item::Integer(*value),
            Self::Bytes(bytes) => Item::Bytes(bytes),
            Self::Text(text) => Item::Text(text),
            Self::Array(items) => Item::Array(items.iter().map(Self::borrowed).collect()),
            Self::Map(map) => Item::Map(map.iter().map(|(key, value)| (key.borrowed(), value.borrowed())).collect()),
            Self::Bool(value) => Item::Bool(*value),
            Self::Null => Item::Null,
        }
    }
}

fn integer() -> impl Strategy<Value = i128> {
    let sized = (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| i128::from(value >> shift));
    (sized, any::<bool>()).prop_map(|(value, negative)| if negative { -1 - value } else { value })
}

fn key() -> impl Strategy<Value = Owned> {
    prop_oneof![integer().prop_map(Owned::Integer), "[a-z]{0,30}".prop_map(Owned::Text)]
}

fn item() -> impl Strategy<Value = Owned> {
    let leaf = prop_oneof![
        integer().prop_map(Owned::Integer),
        vec(any::<u8>(), 0..300).prop_map(Owned::Bytes),
        ".{0,30}".prop_map(Owned::Text),
        any::<bool>().prop_map(Owned::Bool),
        Just(Owned::Null),
    ];
    leaf.prop_recursive(7, 60, 6, |inner| {
        let map = vec((key(), inner.clone()), 0..6).prop_map(|mut map| {
            let mut seen = Vec::new();
            map.retain(|(key, _)| {
                let is_new = !seen.contains(key);
                seen.push(key.clone());
                is_new
            });
            Owned::Map(map)
        });
        prop_oneof![vec(inner, 0..6).prop_map(Owned::Array), map]
    })
}

proptest! {
    #[test]
    fn what_an_encoder_wrote_is_read_back(item in item()) {
        let bytes = item.borrowed().encode();
        prop_assert_eq!(read(&bytes), Ok(item.borrowed()));
    }

    /// There is one form for each value: if changed bytes are read, they are a different item.
    #[test]
    fn a_changed_encoding_is_another_item(item in item(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = item.borrowed().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert_ne!(read(&bytes), Ok(item.borrowed()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes);
    }

    /// Bytes that begin arrays and maps more often than chance would.
    #[test]
    fn any_nesting_is_read_or_refused(bytes in vec(prop_oneof![0x80_u8..0xc0, any::<u8>()], 0..2000)) {
        let _ = read(&bytes);
    }
}
