//! A strict reader of CBOR (RFC 8949) in the CTAP2 canonical form (CTAP 2.2, section 8), in which authenticators must
//! encode: section 2.4 of the standard says that decoders should reject any other form.
//!
//! One rule of that form is left out: the keys of a map may stand in any order. The maps that an authenticator makes are
//! sorted, but clients rebuild the attestation object around them. Of 128 recorded ones in the tests of seven libraries,
//! ten have other orders, among them some of Windows Hello and of security keys. A repeated key is refused.
//!
//! The crates that were considered (`minicbor`, `ciborium-ll`) report the value of a head and not its width, so a check
//! for the shortest form would have to read the bytes a second time. The check for repeated keys would be ours as well.

/// The deepest nesting of arrays and maps. The deepest that WebAuthn defines is a compound attestation with five.
const MAX_DEPTH: u8 = 8;

/// The most entries of a map. WebAuthn defines none with more than six; each key is compared with those before it.
const MAX_ENTRIES: u64 = 32;

/// A data item. Texts and byte strings are slices of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// An integer from −2^64 to 2^64 − 1.
    Integer(i128),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Item<'a>>),
    /// A map. Its keys are integers and texts, without repetitions.
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// The reason that bytes are no item in the canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The input ends within an item.
    Truncated,
    /// Bytes follow the item.
    Trailing,
    /// The head of an integer, a string, an array or a map is not the shortest one, or claims an indefinite length.
    Head,
    /// A text is not UTF-8.
    Utf8,
    /// A key of a map is neither an integer nor a text.
    KeyType,
    /// A map has the same key twice.
    Repeated,
    /// A tag, a floating-point number, or a simple value that has no use in WebAuthn.
    Unsupported,
    /// Arrays and maps are nested too deeply.
    Depth,
    /// A map has too many entries.
    Entries,
}

/// Reads the one item of an input.
///
/// # Errors
/// Any [`Malformed`].
pub(super) fn read(input: &[u8]) -> Result<Item<'_>, Malformed> {
    match read_first(input)? {
        (item, []) => Ok(item),
        _ => Err(Malformed::Trailing),
    }
}

/// Reads the first item of an input. Returns it with the bytes that follow it.
///
/// # Errors
/// Any [`Malformed`] except [`Malformed::Trailing`].
pub(super) fn read_first(input: &[u8]) -> Result<(Item<'_>, &[u8]), Malformed> {
    let mut reader = Reader { rest: input };
    let item = reader.item(0)?;
    Ok((item, reader.rest))
}

impl<'a> Item<'a> {
    /// The value of a key in a map. `None` for another kind of item, or if the key is absent.
    #[must_use]
    pub(super) fn get(&self, key: &Item<'_>) -> Option<&Item<'a>> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The bytes of a byte string.
    #[must_use]
    pub(super) fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Vectors grow with the items that were read and never to a length that the input claims.
    fn item(&mut self, depth: u8) -> Result<Item<'a>, Malformed> {
        let first = *self.take(1)?.first().ok_or(Malformed::Truncated)?;
        let (major, information) = (first >> 5, first & 0x1f);
        match major {
            0 => Ok(Item::Integer(self.argument(information)?.into())),
            1 => Ok(Item::Integer(-1 - i128::from(self.argument(information)?))),
            2 => self.string(information).map(Item::Bytes),
            3 => std::str::from_utf8(self.string(information)?).map(Item::Text).map_err(|_| Malformed::Utf8),
            4 | 5 if depth >= MAX_DEPTH => Err(Malformed::Depth),
            4 => {
                let mut items = Vec::new();
                for _ in 0..self.argument(information)? {
                    items.push(self.item(depth + 1)?);
                }
                Ok(Item::Array(items))
            }
            5 => self.map(information, depth + 1),
            _ => match first {
                0xf4 => Ok(Item::Bool(false)),
                0xf5 => Ok(Item::Bool(true)),
                0xf6 => Ok(Item::Null),
                _ => Err(Malformed::Unsupported),
            },
        }
    }

    fn map(&mut self, information: u8, depth: u8) -> Result<Item<'a>, Malformed> {
        let entries = self.argument(information)?;
        if entries > MAX_ENTRIES {
            return Err(Malformed::Entries);
        }
        let mut map = Vec::new();
        for _ in 0..entries {
            let key = self.item(depth)?;
            if !matches!(key, Item::Integer(_) | Item::Text(_)) {
                return Err(Malformed::KeyType);
            }
            if map.iter().any(|(earlier, _)| *earlier == key) {
                return Err(Malformed::Repeated);
            }
            map.push((key, self.item(depth)?));
        }
        Ok(Item::Map(map))
    }

    /// The argument of a head: the value of an integer, or a length. It must have the shortest form.
    fn argument(&mut self, information: u8) -> Result<u64, Malformed> {
        let (length, least) = match information {
            0..=23 => return Ok(information.into()),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(Malformed::Head),
        };
        let value = self.take(length)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(Malformed::Head) } else { Ok(value) }
    }

    fn string(&mut self, information: u8) -> Result<&'a [u8], Malformed> {
        usize::try_from(self.argument(information)?)
            .map_err(|_| Malformed::Truncated)
            .and_then(|length| self.take(length))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
#[cfg(any(test, fuzzing))]
mod writer;
