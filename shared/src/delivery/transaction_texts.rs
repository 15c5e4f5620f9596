//! The operator's types of transactions, and the text that a person reads for each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::Language;
use crate::domain::ids::is_shown_whole;
use crate::domain::transaction::{Transaction, TransactionProblem};
use crate::json;

/// The types of transactions, each with its text in one or more languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionTexts(BTreeMap<String, Vec<(Language, Template)>>);

/// Why texts were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextsError {
    /// The setting is not an object of types, each an object of texts by language.
    Form,
    /// The name of a type is not 1 to 64 visible ASCII characters.
    Name(String),
    /// A type has no text, or one for a language that is not supported.
    Languages(String),
    /// A text is blank, longer than 300 characters, or has an invisible character or a brace that is no `{field}`.
    Text(String, Language),
    /// The texts of a type show different fields.
    Fields(String),
}

impl fmt::Display for TextsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str(r#"must be JSON such as {"transfer": {"en": "Pay {amount} to {payee}"}}, no name twice"#)
            }
            Self::Name(name) => write!(f, "has a type {name:?} that is not 1 to 64 visible ASCII characters"),
            Self::Languages(name) => {
                let tags = Language::ALL.map(Language::tag).join(" and ");
                write!(f, "has a type {name:?} that needs a text in one of the languages {tags}, and in no other")
            }
            Self::Text(name, language) => write!(
                f,
                "has a text of {name:?} in {} that is blank, too long, or has an invisible character or a stray brace",
                language.tag()
            ),
            Self::Fields(name) => write!(f, "has texts of {name:?} that show different fields"),
        }
    }
}

impl std::error::Error for TextsError {}

impl TransactionTexts {
    /// The most characters of a text, its placeholders included.
    const MAX_LENGTH: usize = 300;

    /// Reads `{"type": {"language": "text with {field}"}}`. An empty setting has no types.
    ///
    /// # Errors
    /// Any [`TextsError`].
    pub fn parse(setting: &str) -> Result<Self, TextsError> {
        if setting.is_empty() {
            return Ok(Self::default());
        }
        let Ok(Value::Object(types)) = json::parse(setting.as_bytes()) else { return Err(TextsError::Form) };
        types
            .iter()
            .map(|(name, texts)| Ok((name.clone(), texts_of_type(name, texts)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Checks that a transaction is of a known type, and has the fields of its text and no other: a person can't confirm
    /// what is not shown.
    ///
    /// # Errors
    /// [`TransactionProblem`].
    pub fn check(&self, transaction: &Transaction) -> Result<(), TransactionProblem> {
        self.of_type(transaction).map(|_| ())
    }

    /// The text that the person reads.
    ///
    /// # Errors
    /// [`TransactionProblem`], as [`TransactionTexts::check`], and for a type without a text in this language.
    pub fn text(&self, transaction: &Transaction, language: Language) -> Result<String, TransactionProblem> {
        let texts = self.of_type(transaction)?;
        let template = texts.iter().find_map(|(each, template)| (*each == language).then_some(template));
        let none = || TransactionProblem::new(Transaction::TYPE, "has no text in the language of this request");
        template.ok_or_else(none)?.fill(transaction)
    }

    fn of_type(&self, transaction: &Transaction) -> Result<&[(Language, Template)], TransactionProblem> {
        let unknown = || TransactionProblem::new(Transaction::TYPE, "is not one of TRANSACTION_TYPES");
        let texts = self.0.get(transaction.type_name()).ok_or_else(unknown)?;
        let shown = texts.first().map(|(_, template)| template.fields()).unwrap_or_default();
        if let Some(missing) = shown.iter().find(|name| transaction.field(name).is_none()) {
            return Err(TransactionProblem::new(missing, "is missing"));
        }
        match transaction.further_fields().find(|name| !shown.contains(name)) {
            Some(hidden) => Err(TransactionProblem::new(hidden, "is not in the text that the person reads")),
            None => Ok(texts),
        }
    }
}

fn texts_of_type(name: &str, texts: &Value) -> Result<Vec<(Language, Template)>, TextsError> {
    if !(1..=64).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TextsError::Name(name.to_owned()));
    }
    let texts = texts.as_object().ok_or(TextsError::Form)?;
    let read = |(tag, text): (&String, &Value)| {
        let language = Language::ALL.into_iter().find(|language| language.tag() == tag);
        let language = language.ok_or_else(|| TextsError::Languages(name.to_owned()))?;
        let text = text.as_str().ok_or(TextsError::Form)?;
        let template = Template::parse(text).ok_or_else(|| TextsError::Text(name.to_owned(), language))?;
        Ok((language, template))
    };
    let texts = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut shown = texts.iter().map(|(_, template)| template.fields());
    let first = shown.next().ok_or_else(|| TextsError::Languages(name.to_owned()))?;
    if shown.all(|fields| fields == first) { Ok(texts) } else { Err(TextsError::Fields(name.to_owned())) }
}

/// A text with places for fields.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

impl Template {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || !is_shown_whole(text) || text.chars().count() > TransactionTexts::MAX_LENGTH {
            return None;
        }
        let mut pieces = text.split('{');
        let mut parts = vec![Part::Text(pieces.next()?.to_owned())];
        for piece in pieces {
            let (name, rest) = piece.split_once('}')?;
            parts.extend([Part::Field(name.to_owned()), Part::Text(rest.to_owned())]);
        }
        let is_right = |part: &Part| match part {
            Part::Text(text) => !text.contains('}'),
            Part::Field(name) => name != Transaction::TYPE && json::is_name(name),
        };
        parts.iter().all(is_right).then_some(Self(parts))
    }

    /// The fields that it shows. The id may be among them.
    fn fields(&self) -> BTreeSet<&str> {
        let fields = self.0.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name.as_str()),
            Part::Text(_) => None,
        });
        fields.collect()
    }

    fn fill(&self, transaction: &Transaction) -> Result<String, TransactionProblem> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Field(name) => {
                let value = transaction.field(name).map(|value| isolated(value.to_string()));
                value.ok_or_else(|| TransactionProblem::new(name, "is missing"))
            }
        });
        parts.collect()
    }
}

/// A value as it stands in a text. One in a script that is written from right to left is isolated (Unicode Standard
/// Annex 9, section 2.4.2): otherwise it would turn the order of the digits around it.
fn isolated(value: String) -> String {
    let is_right_to_left = |character| {
        matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    };
    if value.chars().any(is_right_to_left) { format!("\u{2068}{value}\u{2069}") } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transaction::Value as Field;

    const TRANSFER: &str = r#"{"transfer": {"en": "Pay {amount} to {payee}", "zh-Hans": "向{payee}付款{amount}"}}"#;

    fn transaction(fields: &[(&str, &str)]) -> Transaction {
        let field = |(name, text): &(&str, &str)| ((*name).to_owned(), Field::text(text).unwrap());
        Transaction::new(fields.iter().map(field).collect()).unwrap()
    }

    #[test]
    fn a_text_shows_every_field_in_each_language_t34() {
        let texts = TransactionTexts::parse(TRANSFER).unwrap();
        let transfer =
            transaction(&[("type", "transfer"), ("id", "1"), ("amount", "5 EUR"), ("payee", "a {amount} b")]);
        assert_eq!(texts.text(&transfer, Language::English).unwrap(), "Pay 5 EUR to a {amount} b");
        assert_eq!(texts.text(&transfer, Language::Chinese).unwrap(), "向a {amount} b付款5 EUR");
    }

    #[test]
    fn a_value_from_right_to_left_does_not_turn_what_stands_beside_it_t34() {
        let texts = TransactionTexts::parse(r#"{"t": {"en": "To {payee} {amount}"}}"#).unwrap();
        let fields = [("type", "t"), ("id", "1"), ("payee", "متجر 12"), ("amount", "345")];
        let text = texts.text(&transaction(&fields), Language::English).unwrap();
        assert_eq!(text, "To \u{2068}متجر 12\u{2069} 345");
    }

    #[test]
    fn an_unknown_type_and_a_missing_or_hidden_field_are_refused_t34() {
        let texts = TransactionTexts::parse(TRANSFER).unwrap();
        let table: [(&[(&str, &str)], &str); 4] = [
            (&[("type", "Transfer"), ("id", "1"), ("amount", "5"), ("payee", "a")], "type"),
            (&[("type", "transfer"), ("id", "1"), ("payee", "a")], "amount"),
            (&[("type", "transfer"), ("id", "1"), ("amount", "5")], "payee"),
            (&[("type", "transfer"), ("id", "1"), ("amount", "5"), ("payee", "a"), ("iban", "x")], "iban"),
        ];
        for (fields, named) in table {
            let problem = texts.text(&transaction(fields), Language::English).unwrap_err();
            assert_eq!(problem.field, named);
            assert_eq!(texts.check(&transaction(fields)), Err(problem));
        }
        let none = TransactionTexts::parse("").unwrap();
        assert_eq!(none.check(&transaction(&[("type", "transfer"), ("id", "1")])).unwrap_err().field, "type");
        let english = TransactionTexts::parse(r#"{"close": {"en": "Close the account {id}"}}"#).unwrap();
        let close = transaction(&[("type", "close"), ("id", "7")]);
        assert_eq!(english.text(&close, Language::English).unwrap(), "Close the account 7");
        assert_eq!(english.text(&close, Language::Chinese).unwrap_err().field, "type");
    }

    #[test]
    fn a_setting_that_could_hide_something_is_refused() {
        let name = || "t".to_owned();
        let text = || TextsError::Text(name(), Language::English);
        let table = [
            ("[]", TextsError::Form),
            ("{", TextsError::Form),
            (r#"{"t": {"en": "a"}, "t": {"en": "b"}}"#, TextsError::Form),
            (r#"{"t": "a"}"#, TextsError::Form),
            (r#"{"t": {"en": 1}}"#, TextsError::Form),
            (r#"{"a b": {"en": "a"}}"#, TextsError::Name("a b".to_owned())),
            (r#"{"t": {}}"#, TextsError::Languages(name())),
            (r#"{"t": {"zh": "a"}}"#, TextsError::Languages(name())),
            (r#"{"t": {"en": ""}}"#, text()),
            (r#"{"t": {"en": "a {b"}}"#, text()),
            (r#"{"t": {"en": "a b}"}}"#, text()),
            (r#"{"t": {"en": "a {} b"}}"#, text()),
            (r#"{"t": {"en": "a {type} b"}}"#, text()),
            (r#"{"t": {"en": "a {b c}"}}"#, text()),
            ("{\"t\": {\"en\": \"a\u{202e}b\"}}", text()),
            (r#"{"t": {"en": "{a}", "zh-Hans": "{b}"}}"#, TextsError::Fields(name())),
        ];
        for (setting, error) in table {
            assert_eq!(TransactionTexts::parse(setting).unwrap_err(), error, "{setting}");
        }
    }
}
