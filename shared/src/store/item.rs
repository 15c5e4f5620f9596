//! Items: attributes with the native types of `DynamoDB`, and their size as `DynamoDB` counts it.

use std::collections::BTreeMap;

/// An attribute's value, of one of the types of `DynamoDB` that Countersign uses.
///
/// The embedded store writes a variant as its position here, so a new variant goes last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "embedded", derive(serde::Serialize, serde::Deserialize))]
pub enum Value {
    /// `S`: text that an operator may read.
    Text(String),
    /// `N`: a whole number.
    Number(i64),
    /// `B`: bytes, used for secret and personal values.
    Bytes(Vec<u8>),
    /// `L`: a list.
    List(Vec<Value>),
    /// `M`: a map.
    Map(Item),
}

/// The attributes of an item, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "embedded", derive(serde::Serialize, serde::Deserialize))]
pub struct Item(BTreeMap<String, Value>);

/// An attribute is missing or has another type: the item is damaged or was written by a later schema. Holds the
/// attribute's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemError(pub &'static str);

impl FromIterator<(String, Value)> for Item {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

impl Item {
    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Every attribute, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A required text.
    ///
    /// # Errors
    /// [`ItemError`] with the attribute's name if it is missing or has another type.
    pub fn text(&self, name: &'static str) -> Result<&str, ItemError> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(ItemError(name)),
        }
    }

    /// An optional text.
    ///
    /// # Errors
    /// As [`Item::text`], but `None` when it is missing.
    pub fn optional_text(&self, name: &'static str) -> Result<Option<&str>, ItemError> {
        if self.0.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// A required whole number, in the range of `N`.
    ///
    /// # Errors
    /// As [`Item::text`].
    pub fn number<N: TryFrom<i64>>(&self, name: &'static str) -> Result<N, ItemError> {
        match self.0.get(name) {
            Some(Value::Number(number)) => N::try_from(*number).map_err(|_| ItemError(name)),
            _ => Err(ItemError(name)),
        }
    }

    /// An optional whole number, in the range of `N`.
    ///
    /// # Errors
    /// As [`Item::text`], but `None` when it is missing.
    pub fn optional_number<N: TryFrom<i64>>(&self, name: &'static str) -> Result<Option<N>, ItemError> {
        if self.0.contains_key(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    /// Required bytes.
    ///
    /// # Errors
    /// As [`Item::text`].
    pub fn bytes(&self, name: &'static str) -> Result<&[u8], ItemError> {
        match self.0.get(name) {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(ItemError(name)),
        }
    }

    /// Optional bytes.
    ///
    /// # Errors
    /// As [`Item::text`], but `None` when it is missing.
    pub fn optional_bytes(&self, name: &'static str) -> Result<Option<&[u8]>, ItemError> {
        if self.0.contains_key(name) { self.bytes(name).map(Some) } else { Ok(None) }
    }

    /// The maps of a list. An absent attribute gives an empty list.
    ///
    /// # Errors
    /// As [`Item::text`].
    pub fn maps(&self, name: &'static str) -> Result<Vec<&Item>, ItemError> {
        let values = match self.0.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::List(values)) => values,
            Some(_) => return Err(ItemError(name)),
        };
        values.iter().map(|value| if let Value::Map(map) = value { Ok(map) } else { Err(ItemError(name)) }).collect()
    }

    /// The numbers in a list; an absent list is an empty one.
    ///
    /// # Errors
    /// As [`Item::text`].
    pub fn numbers(&self, name: &'static str) -> Result<Vec<i64>, ItemError> {
        let values = match self.0.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::List(values)) => values,
            Some(_) => return Err(ItemError(name)),
        };
        values
            .iter()
            .map(|value| if let Value::Number(number) = value { Ok(*number) } else { Err(ItemError(name)) })
            .collect()
    }

    /// An optional map.
    ///
    /// # Errors
    /// As [`Item::text`], but `None` when it is missing.
    pub fn map(&self, name: &'static str) -> Result<Option<&Item>, ItemError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map)),
            Some(_) => Err(ItemError(name)),
        }
    }

    /// The size in bytes as `DynamoDB` counts it (*Developer Guide*, "Item sizes and formats"). Names and text count in
    /// UTF-8. A number counts one byte per two digits, and one more. A list or map counts three bytes, and one per
    /// element.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.size()).sum()
    }
}

impl Value {
    fn size(&self) -> usize {
        const CONTAINER: usize = 3;
        match self {
            Value::Text(text) => text.len(),
            Value::Number(number) => number_size(*number),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(values) => CONTAINER + values.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Value::Map(map) => CONTAINER + map.0.len() + map.size(),
        }
    }
}

/// One byte per two significant digits, one for the exponent, one for a minus sign. Trailing zeros don't count.
fn number_size(number: i64) -> usize {
    if number == 0 {
        return 1;
    }
    let mut significant = number.unsigned_abs();
    while significant.is_multiple_of(10) {
        significant /= 10;
    }
    let digits = significant.to_string().len();
    digits.div_ceil(2) + 1 + usize::from(number < 0)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Number(i64::from(number))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_vec())
    }
}

impl From<Item> for Value {
    fn from(map: Item) -> Self {
        Value::Map(map)
    }
}

impl From<Vec<i64>> for Value {
    fn from(numbers: Vec<i64>) -> Self {
        Value::List(numbers.into_iter().map(Value::Number).collect())
    }
}

impl From<Vec<Item>> for Value {
    fn from(maps: Vec<Item>) -> Self {
        Value::List(maps.into_iter().map(Value::Map).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(name: &'static str, value: impl Into<Value>) -> usize {
        Item::default().with(name, value).size()
    }

    #[test]
    fn an_item_without_attributes_has_no_size() {
        assert_eq!(Item::default().size(), 0);
    }

    #[test]
    fn text_counts_its_name_and_itself_in_utf_8() {
        assert_eq!(size("name", ""), 4);
        assert_eq!(size("name", "alice"), 4 + 5);
        assert_eq!(size("größe", "日本"), 7 + 6);
    }

    #[test]
    fn bytes_count_raw_and_not_as_base64() {
        assert_eq!(size("b", Vec::<u8>::new()), 1);
        assert_eq!(size("b", vec![0_u8; 100]), 1 + 100);
    }

    #[test]
    fn a_number_counts_a_byte_per_two_significant_digits_and_one_more() {
        let sizes = [(1_i64, 2), (9, 2), (10, 2), (12, 2), (123, 3), (1_234, 3), (12_345, 4), (1_795_000_000, 3)];
        for (number, bytes) in sizes {
            assert_eq!(size("n", number), 1 + bytes, "{number}");
        }
    }

    #[test]
    fn a_number_does_not_count_trailing_zeros() {
        assert_eq!(size("n", 1_000_000_i64), size("n", 1_i64));
        assert_eq!(size("n", 1_000_001_i64), 1 + 4 + 1);
    }

    #[test]
    fn zero_counts_one_byte() {
        assert_eq!(size("n", 0_i64), 1 + 1);
    }

    #[test]
    fn a_negative_number_counts_its_sign() {
        assert_eq!(size("n", -12_i64), size("n", 12_i64) + 1);
        assert_eq!(size("n", i64::MAX), 1 + 10 + 1);
        assert_eq!(size("n", i64::MIN), 1 + 10 + 1 + 1);
    }

    #[test]
    fn an_empty_list_or_map_counts_three_bytes() {
        assert_eq!(size("l", Value::List(Vec::new())), 1 + 3);
        assert_eq!(size("m", Item::default()), 1 + 3);
    }

    #[test]
    fn an_element_counts_itself_and_one_byte() {
        assert_eq!(size("l", Value::List(vec!["ab".into(), 7_i64.into()])), 1 + 3 + (1 + 2) + (1 + 2));
        assert_eq!(size("m", Item::default().with("k", "ab").with("n", 7_i64)), 1 + 3 + (1 + 1 + 2) + (1 + 1 + 2));
    }

    #[test]
    fn nesting_adds_up() {
        let factor = Item::default().with("id", "F1").with("steps", Value::List(vec![59_i64.into()]));
        let bytes = 3 + (1 + 2 + 2) + (1 + 5 + (3 + 1 + 2));
        assert_eq!(size("factors", vec![factor.clone(), factor]), 7 + 3 + 2 * (1 + bytes));
    }
}
