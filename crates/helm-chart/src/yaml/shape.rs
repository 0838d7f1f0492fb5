//! Documents whose structure Helm knows: the fields of `Chart.yaml`, the head of an object. Pure.
//!
//! Go's decoder finds fields whatever the case of their names, reads numbers and truth values as text where text is wanted, ignores
//! nulls and unknown fields, and refuses everything else.

use serde_json::{Map, Value};

/// The shape that a part of a document must have.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// Text; numbers and truth values are read as text.
    Text,
    /// A truth value.
    Flag,
    /// A time of RFC 3339.
    Time,
    /// A list of these.
    List(&'static Shape),
    /// A map with values of this shape.
    Map(&'static Shape),
    /// A map with these fields, and others.
    Fields(&'static [(&'static str, Shape)]),
}

impl Shape {
    /// The shape of a field, and its proper name.
    pub(super) fn field(&self, name: &str) -> (Option<&'static str>, &Self) {
        match self {
            Self::Fields(fields) => {
                let exact = fields.iter().find(|(known, _)| *known == name);
                let found = exact.or_else(|| fields.iter().find(|(known, _)| folds(known, name)));
                found.map_or((None, &Self::Any), |(known, shape)| (Some(*known), shape))
            }
            Self::Map(shape) => (None, shape),
            _ => (None, &Self::Any),
        }
    }

    /// Whether this is one of its fields.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.field(name).0.is_some()
    }

    /// The shape of an item.
    pub(super) fn item(&self) -> &Self {
        match self {
            Self::List(shape) => shape,
            _ => &Self::Any,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Text => "text",
            Self::Flag => "true or false",
            Self::Time => "a time such as 2006-01-02T15:04:05Z",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Fields(_) => "a map",
        }
    }
}

/// Whether two names differ only in case, by Go's rule for field names.
fn folds(known: &str, name: &str) -> bool {
    let fold = |character: char| match character {
        // The only two characters beyond ASCII that fold into ASCII.
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    known.chars().map(fold).eq(name.chars().map(fold))
}

/// The document with the proper names of its fields, nulls of known fields left out.
///
/// # Errors
/// If a part of it has another shape, with the place of that part.
pub(crate) fn conform(value: Value, shape: &Shape) -> Result<Value, String> {
    conform_at(value, shape, "")
}

fn conform_at(value: Value, shape: &Shape, at: &str) -> Result<Value, String> {
    let wrong = |value: &Value| {
        let place = if at.is_empty() { "the document" } else { at };
        Err(format!(
            "{place} has to be {}, and not {}",
            shape.name(),
            kind(value)
        ))
    };
    match (shape, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Shape::Any, value)
        | (Shape::Text, value @ (Value::String(_) | Value::Number(_) | Value::Bool(_)))
        | (Shape::Flag, value @ Value::Bool(_)) => Ok(value),
        (Shape::Time, Value::String(text)) if is_time(&text) => Ok(Value::String(text)),
        (Shape::List(_), Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            let items = items
                .map(|(index, item)| conform_at(item, shape.item(), &format!("{at}[{index}]")));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        (Shape::Map(_) | Shape::Fields(_), Value::Object(fields)) => fields_of(fields, shape, at),
        (_, value) => wrong(&value),
    }
}

/// Takes the fields in the order of JSON, so that `name` wins over `Name`.
fn fields_of(fields: Map<String, Value>, shape: &Shape, at: &str) -> Result<Value, String> {
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut conformed = Map::new();
    for (name, value) in fields {
        let (known, shape) = shape.field(&name);
        let name = known.map_or(name, str::to_owned);
        let place = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}.{name}")
        };
        match (conform_at(value, shape, &place)?, conformed.get_mut(&name)) {
            (Value::Null, _) if known.is_some() => {}
            // A map under two spellings is one map.
            (Value::Object(more), Some(Value::Object(before))) => before.extend(more),
            (value, _) => {
                conformed.insert(name, value);
            }
        }
    }
    Ok(Value::Object(conformed))
}

/// The kind of a value, as messages name it.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn is_time(text: &str) -> bool {
    let two_digits_of_hour = text.as_bytes().get(13) == Some(&b':');
    two_digits_of_hour
        && text.len() >= 20
        && text.as_bytes()[10] == b'T'
        && !text.contains(',')
        && super::resolve::is_timestamp(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::yaml::parse_as;

    const SHAPE: Shape = Shape::Fields(&[
        ("name", Shape::Text),
        ("keywords", Shape::List(&Shape::Text)),
        ("marks", Shape::Map(&Shape::Text)),
        ("old", Shape::Flag),
        ("made", Shape::Time),
    ]);

    #[rstest]
    #[case::numbers_become_text("name: 1.10\nkeywords: [1, 1e6, yes]\nmarks: {a: 12345678.9}",
        json!({"name": "1.1", "keywords": ["1", "1e+06", "true"], "marks": {"a": "1.2345679e+07"}}))]
    #[case::names_in_another_case("NAME: a\nKeyWords: [b]\nother: {Name: 1}",
        json!({"name": "a", "keywords": ["b"], "other": {"Name": 1}}))]
    #[case::the_proper_name_wins("Name: a\nname: b", json!({"name": "b"}))]
    #[case::null_is_nothing("name:\nold: null\nmarks: {a: }", json!({"marks": {"a": null}}))]
    #[case::a_time("made: 2024-05-06T07:08:09.5Z", json!({"made": "2024-05-06T07:08:09.5Z"}))]
    fn a_document_is_brought_into_its_shape(#[case] text: &str, #[case] expected: Value) {
        let read = parse_as(text, &SHAPE).unwrap();
        assert_eq!(conform(read, &SHAPE), Ok(expected));
    }

    #[rstest]
    #[case("name: [a]", "name has to be text, and not a list")]
    #[case("keywords: x", "keywords has to be a list, and not text")]
    #[case("keywords: [{}]", "keywords[0] has to be text, and not a map")]
    #[case("Marks: {a: [1]}", "marks.a has to be text, and not a list")]
    #[case("old: \"true\"", "old has to be true or false, and not text")]
    #[case(
        "made: 2024-05-06",
        "made has to be a time such as 2006-01-02T15:04:05Z, and not text"
    )]
    #[case("- a", "the document has to be a map, and not a list")]
    fn another_shape_is_refused_with_its_place(#[case] text: &str, #[case] expected: &str) {
        let read = parse_as(text, &SHAPE).unwrap();
        assert_eq!(conform(read, &SHAPE), Err(expected.to_owned()));
    }
}
