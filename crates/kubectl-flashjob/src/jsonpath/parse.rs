//! A text becomes a template. Pure.

use serde_json::Value;

use super::{Part, Path, Step, Template, Test};

/// What ends a name.
const ENDS: &[char] = &['.', ',', '[', ']', '$', '@', '{', '}', '(', ')', '='];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What cannot be read, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let (parts, ended) = parts(&mut rest)?;
        if ended {
            return Err("there is {end} without {range …}".to_owned());
        }
        Ok(Self(parts))
    }
}

/// Parts up to `{end}` or to the end of the text, and whether it was `{end}`.
fn parts(rest: &mut &str) -> Result<(Vec<Part>, bool), String> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (text, braces) = rest.split_once('{').unwrap_or((rest, ""));
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        if text.len() == rest.len() {
            *rest = "";
            break;
        }
        let (inside, after) = split_at_end(braces, '}').ok_or("a { has no }")?;
        *rest = after;
        let inside = inside.trim();
        if inside == "end" {
            return Ok((parts, true));
        }
        parts.push(match inside.strip_prefix("range ") {
            Some(of) => {
                let (within, ended) = self::parts(rest)?;
                if !ended {
                    return Err(format!("{{{inside}}} has no {{end}}"));
                }
                Part::Range(path(of.trim())?, within)
            }
            None => part(inside)?,
        });
    }
    Ok((parts, false))
}

/// What stands before the first of these letters outside of quotes, and what after it.
fn split_at_end(text: &str, end: char) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, _) if letter == end => return Some((&text[..at], &text[at + end.len_utf8()..])),
            _ => {}
        }
    }
    None
}

/// What one pair of braces holds.
fn part(inside: &str) -> Result<Part, String> {
    match quoted(inside) {
        Some(text) => Ok(Part::Text(unescaped(text)?)),
        None => Ok(Part::Path(path(inside)?)),
    }
}

/// What stands between quotes, if all of it does.
fn quoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| {
        let within = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let plain = within
            .replace("\\\\", "")
            .replace(&format!("\\{quote}"), "");
        (!plain.contains(quote)).then_some(within)
    })
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(same @ ('\\' | '"' | '\'')) => same,
            _ => {
                return Err(format!(
                    "{text}: of escapes \\n, \\t, \\r, \\\\ and quotes are known"
                ));
            }
        });
    }
    Ok(plain)
}

fn path(text: &str) -> Result<Path, String> {
    let whole = text;
    let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if rest.starts_with("..") {
            return Err(format!(
                "{whole}: .. is not known here; name every field on the way"
            ));
        } else if let Some(after) = rest.strip_prefix('.') {
            field(after)
        } else if let Some(after) = rest.strip_prefix('[') {
            let (within, after) =
                split_at_end(after, ']').ok_or_else(|| format!("{whole}: a [ has no ]"))?;
            (Some(bracket(within)?), after)
        } else {
            return Err(format!(
                "{whole}: a path such as .status.phase is meant, one in each {{ }}; texts are in quotes"
            ));
        };
        steps.extend(step);
        rest = after;
    }
    Ok(Path(steps))
}

/// The field after a dot, if there is one, and what comes after it. A backslash keeps the meaning of the next letter away.
fn field(text: &str) -> (Option<Step>, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            name.extend(letters.next().map(|(_, letter)| letter));
        } else if letter.is_whitespace() || ENDS.contains(&letter) {
            end = at;
            break;
        } else {
            name.push(letter);
        }
    }
    let step = match name.as_str() {
        "" => None,
        "*" => Some(Step::Every),
        _ => Some(Step::Field(name)),
    };
    (step, &text[end..])
}

/// What stands between brackets.
fn bracket(text: &str) -> Result<Step, String> {
    if text == "*" {
        return Ok(Step::Items);
    }
    if let Some(name) = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    {
        let bare = name.replace("\\.", "");
        if bare.contains(['.', '\'', '\\', ',']) || bare.is_empty() && name.is_empty() {
            return Err(format!(
                "[{text}]: one name in single quotes is known, its dots as \\."
            ));
        }
        return Ok(Step::Field(name.replace('\\', "")));
    }
    if let Some(test) = text
        .strip_prefix("?(")
        .and_then(|text| text.strip_suffix(')'))
    {
        return filter(test);
    }
    text.parse().map(Step::Item).map_err(|_| {
        format!("[{text}]: known are [*], [0], [-1], ['name'] and [?(@.field==\"value\")]; not ranges of items, and no lists of names")
    })
}

fn filter(text: &str) -> Result<Step, String> {
    let unknown = || {
        format!(
            "?({text}): known are @.field, @.field==\"value\" and @.field!=\"value\"; a value is a text in quotes, a number, true or false"
        )
    };
    let at = text.find(['=', '!', '<', '>']);
    let (left, right) = text.split_at(at.unwrap_or(text.len()));
    let left = left.trim();
    if !left.starts_with('@') {
        return Err(unknown());
    }
    let left = path(left)?;
    if right.is_empty() {
        return Ok(Step::Those(left, Test::Exists));
    }
    let asked: fn(Value) -> Test = match right.get(..2) {
        Some("==") => Test::Equals,
        Some("!=") => Test::Differs,
        _ => return Err(unknown()),
    };
    let value = right[2..].trim();
    let value = match quoted(value) {
        Some(text) => Value::String(unescaped(text)?),
        None => serde_json::from_str(value).map_err(|_| unknown())?,
    };
    if value.is_array() || value.is_object() || value.is_null() {
        return Err(unknown());
    }
    Ok(Step::Those(left, asked(value)))
}
