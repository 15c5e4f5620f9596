//! A transaction: what a person confirms with a check, such as a transfer of an amount to a payee. The same digest of it
//! binds the challenge, the answer and the receipt.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::ids::is_shown_whole;

/// A transaction: its type, its id and its fields. Each value is a text or a whole number.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Transaction(BTreeMap<String, Value>);

/// A value of a transaction.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text that can be shown as it is. An amount is a text, so that nothing rounds it.
    Text(String),
    /// A whole number that every JSON reader reads alike (RFC 7493, section 2.2).
    Integer(i64),
}

impl Value {
    /// The rule for values, worded as the end of a sentence.
    pub const RULE: &str = "must be a text of 1 to 128 printable characters, or a whole number below 2^53";

    /// The greatest number that every JSON reader reads alike.
    const MAX_INTEGER: i64 = (1 << 53) - 1;

    /// A text of 1 to 128 characters that is shown whole within another text.
    #[must_use]
    pub fn text(text: &str) -> Option<Self> {
        ((1..=128).contains(&text.chars().count()) && is_shown_whole(text)).then(|| Self::Text(text.to_owned()))
    }

    /// A whole number.
    #[must_use]
    pub fn integer(number: i64) -> Option<Self> {
        (-Self::MAX_INTEGER..=Self::MAX_INTEGER).contains(&number).then_some(Self::Integer(number))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
        }
    }
}

/// A transaction names people and amounts, so it is not printed.
impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction(…)")
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

/// The digest of a transaction: SHA-256 over `countersign-transaction:` and the JSON form of RFC 8785.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TransactionHash(pub [u8; 32]);

/// Amounts and payees are few, so a digest could be guessed: it is not printed.
impl fmt::Debug for TransactionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionHash(…)")
    }
}

/// A field of a transaction and its problem, without the field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionProblem {
    /// The field; empty for the whole transaction.
    pub field: String,
    /// The problem, worded as the end of a sentence that begins with the field.
    pub problem: &'static str,
}

impl TransactionProblem {
    /// A problem with a field. An empty name stands for the whole transaction.
    #[must_use]
    pub fn new(field: &str, problem: &'static str) -> Self {
        Self { field: field.to_owned(), problem }
    }
}

impl Transaction {
    /// The field with the type, which the operator has defined.
    pub const TYPE: &str = "type";
    /// The field with the id, which the operator gives each transaction.
    pub const ID: &str = "id";
    /// The most fields, the type and the id included.
    pub const MAX_FIELDS: usize = 16;
    /// The word that keeps the digest apart from digests of other things.
    const DOMAIN: &[u8] = b"countersign-transaction:";

    /// A transaction with these fields. Names are ASCII, so that their order as bytes is that of RFC 8785.
    ///
    /// # Errors
    /// [`TransactionProblem`] if the type or the id is missing or no text, or if there are too many fields.
    pub fn new(fields: BTreeMap<String, Value>) -> Result<Self, TransactionProblem> {
        if fields.len() > Self::MAX_FIELDS {
            return Err(TransactionProblem::new("", "must have at most 16 fields"));
        }
        for name in [Self::TYPE, Self::ID] {
            match fields.get(name) {
                Some(Value::Text(text)) if text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic()) => {}
                Some(_) => {
                    return Err(TransactionProblem::new(name, "must be 1 to 64 visible ASCII characters"));
                }
                None => return Err(TransactionProblem::new(name, "is missing")),
            }
        }
        Ok(Self(fields))
    }

    /// The name of its type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.text(Self::TYPE)
    }

    /// The id that the operator gave it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text(Self::ID)
    }

    fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            Some(Value::Integer(_)) | None => "",
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The names of its fields but for the type and the id.
    pub fn further_fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| ![Self::TYPE, Self::ID].contains(name))
    }

    /// The digest that binds a challenge, its answer and its receipt.
    ///
    /// # Errors
    /// [`Error::Internal`] never in practice.
    pub fn hash(&self) -> Result<TransactionHash, Error> {
        // Fields are ordered, names are ASCII, values are texts and whole numbers. Of such an object serde_json writes
        // the very form of RFC 8785.
        let json = serde_json::to_vec(self).map_err(|_| Error::Internal("a transaction can't be written"))?;
        let mut context = Context::new(&SHA256);
        context.update(Self::DOMAIN);
        context.update(&json);
        let hash = context.finish().as_ref().try_into().map_err(|_| Error::Internal("SHA-256 has 32 bytes"))?;
        Ok(TransactionHash(hash))
    }
}

/// A transaction that a check confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The transaction.
    pub transaction: Transaction,
    /// Its digest.
    pub hash: TransactionHash,
    /// How Countersign showed it to the person. `None`: it did not.
    pub shown: Option<Shown>,
}

impl Confirmation {
    /// The confirmation of a transaction that was shown like this.
    ///
    /// # Errors
    /// As [`Transaction::hash`].
    pub fn new(transaction: Transaction, shown: Option<Shown>) -> Result<Self, Error> {
        Ok(Self { hash: transaction.hash()?, transaction, shown })
    }
}

/// How a transaction was shown to the person who confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In the message with the code.
    Message,
    /// On the page of a hosted session.
    Page,
    /// On the page, and a passkey has signed it.
    Signed,
}

impl Shown {
    /// The word in a receipt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Page => "page",
            Self::Signed => "signed",
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn transaction(fields: &[(&str, Value)]) -> Result<Transaction, TransactionProblem> {
        let common = [("type", text("transfer")), ("id", text("t-1"))];
        Transaction::new(common.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn text(text: &str) -> Value {
        Value::text(text).unwrap()
    }

    #[test]
    fn the_digest_is_over_the_canonical_form_t34() {
        let fields = [("payee", text("Zoë \"Z\" \\ 李")), ("amount", text("250.00")), ("parts", Value::Integer(-3))];
        let transaction = transaction(&fields).unwrap();
        let canonical = r#"{"amount":"250.00","id":"t-1","parts":-3,"payee":"Zoë \"Z\" \\ 李","type":"transfer"}"#;
        assert_eq!(serde_json::to_string(&transaction).unwrap(), canonical);
        // The digest is that of `printf '%s' "countersign-transaction:$canonical" | sha256sum`.
        assert_eq!(
            HEXLOWER.encode(&transaction.hash().unwrap().0),
            "1d7b5ac9e231e9b57adefe059fe1c1c9a92d34ea772ace4a41aba157f165e7ec"
        );
    }

    #[test]
    fn a_value_is_shown_whole_or_refused_t34() {
        for wrong in ["", " ", " a", "a ", "a\nb", "a\u{202e}b", "a\u{2066}b", "a\u{200b}b", "\0", "\u{3164}", "a  b"] {
            assert!(Value::text(wrong).is_none(), "{wrong:?}");
        }
        assert!(Value::text(&"a".repeat(128)).is_some() && Value::text(&"a".repeat(129)).is_none());
        let most = (1 << 53) - 1;
        assert!(Value::integer(most).is_some() && Value::integer(-most).is_some());
        assert!(Value::integer(most + 1).is_none() && Value::integer(-most - 1).is_none());
    }

    #[test]
    fn a_type_and_an_id_are_required_t34() {
        let only = |name: &str, value: Value| Transaction::new([(name.to_owned(), value)].into()).unwrap_err().field;
        assert_eq!(only("type", text("transfer")), "id");
        assert_eq!(only("id", text("1")), "type");
        for wrong in [Value::Integer(1), text("a b"), text("é"), text(&"a".repeat(65))] {
            assert_eq!(transaction(&[("id", wrong)]).unwrap_err().field, "id");
        }
        let many: Vec<_> = (0..15).map(|number| format!("f{number}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), Value::Integer(1))).collect();
        assert!(transaction(&many[..14]).is_ok() && transaction(&many).is_err());
    }
}
