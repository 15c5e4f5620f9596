//! A writer of the canonical form, by which the tests and the fuzz target judge the reader.

use super::Item;

impl Item<'_> {
    /// The item's only form. The entries of a map keep their order.
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Integer(value) if *value < 0 => head(0x20, -1 - *value, to),
            Self::Integer(value) => head(0, *value, to),
            Self::Bytes(bytes) => string(0x40, bytes, to),
            Self::Text(text) => string(0x60, text.as_bytes(), to),
            Self::Array(items) => {
                head(0x80, length(items.len()), to);
                for item in items {
                    item.write(to);
                }
            }
            Self::Map(entries) => {
                head(0xa0, length(entries.len()), to);
                for (key, value) in entries {
                    key.write(to);
                    value.write(to);
                }
            }
            Self::Bool(value) => to.push(0xf4 + u8::from(*value)),
            Self::Null => to.push(0xf6),
        }
    }
}

fn string(major: u8, bytes: &[u8], to: &mut Vec<u8>) {
    head(major, length(bytes.len()), to);
    to.extend(bytes);
}

/// A length as an argument. Nothing in memory is longer.
fn length(length: usize) -> i128 {
    i128::try_from(length).unwrap_or(i128::MAX)
}

/// Writes a head: the major type in the upper three bits of `major`, and an argument of up to 64 bits.
fn head(major: u8, argument: i128, to: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    let [.., low] = bytes;
    let (information, width) = match argument {
        0..=23 => (low, 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    to.push(major | information);
    to.extend(bytes.iter().skip(bytes.len() - width));
}
