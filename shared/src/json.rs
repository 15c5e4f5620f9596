//! Reading JSON in which no object names a field twice. RFC 8259, section 4, leaves the meaning of a repeated name to
//! each reader, so two readers of the same text could see two amounts.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most values in a text. A value takes up to a hundred times the memory of its text, so the length of a text with a
/// photo does not limit the memory. No request has more than a few dozen.
const MAX_VALUES: u32 = 10_000;

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// It is not JSON.
    Syntax,
    /// It has more than 10,000 values.
    TooManyValues,
    /// The object at this path has a field twice: `transaction`, or empty for the outermost one.
    Repeated(String),
}

/// Reads a JSON text.
///
/// # Errors
/// Any [`JsonError`].
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let (repeated, left) = (RefCell::new(None), Cell::new(Some(MAX_VALUES)));
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Place { above: None, repeated: &repeated, left: &left }.deserialize(&mut deserializer);
    match (value.and_then(|value| deserializer.end().map(|()| value)), repeated.into_inner()) {
        (_, Some(path)) => Err(JsonError::Repeated(path)),
        (Ok(value), None) => Ok(value),
        (Err(_), None) if left.get().is_none() => Err(JsonError::TooManyValues),
        (Err(_), None) => Err(JsonError::Syntax),
    }
}

/// Whether a text has the form of a field's name: a letter, then at most 31 letters, digits, `_` or `-`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A place in the text, where a value is read. Its path is made only for an error: with a long name in it, a path for
/// every value of the text would take a hundred times as long as the reading.
struct Place<'a> {
    /// The object or the list around it, and its name there. `None`: the outermost value.
    above: Option<(&'a Place<'a>, Step<'a>)>,
    repeated: &'a RefCell<Option<String>>,
    /// The values that may still be read. `None`: there was one too many.
    left: &'a Cell<Option<u32>>,
}

/// A step from an object or a list to a value in it.
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn inside<'a>(&'a self, step: Step<'a>) -> Place<'a> {
        Place { above: Some((self, step)), repeated: self.repeated, left: self.left }
    }

    fn path(&self) -> String {
        let Some((around, step)) = &self.above else { return String::new() };
        let name = match step {
            Step::Name(name) => (*name).to_owned(),
            Step::Index(index) => index.to_string(),
        };
        let path = around.path();
        if path.is_empty() { name } else { format!("{path}.{name}") }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(1)));
        if self.left.get().is_none() {
            return Err(D::Error::custom("the text has too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inside(Step::Index(values.len())))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(self.inside(Step::Name(&name)))?;
            if fields.insert(name, value).is_some() {
                *self.repeated.borrow_mut() = Some(self.path());
                return Err(A::Error::custom("a field is repeated"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_read_as_serde_json_reads_it() {
        let texts = [
            "null",
            " true ",
            "0",
            "-5",
            "18446744073709551615",
            "1.5",
            "1e3",
            "-0",
            "\"a\\u00e9\\n\"",
            "[]",
            "[1,[2]]",
            "{}",
            "{\"a\":{\"b\":[null]}}",
            "",
            "{",
            "[1,]",
            "nul",
            "{} {}",
            "\"\\ud800\"",
            "01",
            "1e999",
            "{\"a\"}",
        ];
        for text in texts {
            let expected = serde_json::from_str::<Value>(text).map_err(|_| JsonError::Syntax);
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(parse(b"\xff"), Err(JsonError::Syntax));
        assert_eq!(parse("[".repeat(200).as_bytes()), Err(JsonError::Syntax), "the depth is limited");
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused_with_the_path_of_its_object_t34() {
        let repeated = |path: &str| Err(JsonError::Repeated(path.to_owned()));
        assert_eq!(parse(br#"{"a":1,"a":1}"#), repeated(""));
        assert_eq!(parse(br#"{"a":1,"\u0061":2}"#), repeated(""));
        assert_eq!(parse(br#"{"t":{"amount":"1","x":[],"amount":"2"}}"#), repeated("t"));
        assert_eq!(parse(br#"{"l":[{"b":{"a":1,"a":2}}]}"#), repeated("l.0.b"));
        assert_eq!(parse(br#"{"a":{"a":1},"b":{"a":1}}"#), Ok(json!({"a": {"a": 1}, "b": {"a": 1}})));
    }

    #[test]
    fn a_text_of_many_values_is_refused_before_they_take_memory_t37() {
        let list = |length: usize| format!("[{}]", vec!["{\"a\":0}"; length].join(","));
        assert!(parse(list(4_999).as_bytes()).is_ok(), "an object and its value are two values");
        assert_eq!(parse(list(5_000).as_bytes()), Err(JsonError::TooManyValues));
        assert_eq!(parse(list(375_000).as_bytes()), Err(JsonError::TooManyValues));
    }
}
