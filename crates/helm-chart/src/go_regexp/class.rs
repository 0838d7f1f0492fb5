//! Classes of characters: `[…]`, `\d`, `[[:alpha:]]`, `\p{Greek}`. Pure.

use std::fmt::Write as _;

use super::escape::escape;
use super::{Outcome, invalid};

/// A class without any character.
pub(super) const NOTHING: &str = r"[^\x00-\x{10FFFF}]";
/// A class of every character.
const EVERYTHING: &str = r"[\x00-\x{10FFFF}]";
/// The characters that Go's tables know.
const KNOWN: &str = r"\p{Age=15.0}";

/// Names of general categories that Go knows.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Co", "L", "Lc", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So",
    "Z", "Zl", "Zp", "Zs",
];

/// Other names of categories.
const ALIASES: &[(&str, &str)] = &[
    ("Casedletter", "LC"),
    ("Closepunctuation", "Pe"),
    ("Cntrl", "Cc"),
    ("Combiningmark", "M"),
    ("Connectorpunctuation", "Pc"),
    ("Control", "Cc"),
    ("Currencysymbol", "Sc"),
    ("Dashpunctuation", "Pd"),
    ("Decimalnumber", "Nd"),
    ("Digit", "Nd"),
    ("Enclosingmark", "Me"),
    ("Finalpunctuation", "Pf"),
    ("Format", "Cf"),
    ("Initialpunctuation", "Pi"),
    ("Letter", "L"),
    ("Letternumber", "Nl"),
    ("Lineseparator", "Zl"),
    ("Lowercaseletter", "Ll"),
    ("Mark", "M"),
    ("Mathsymbol", "Sm"),
    ("Modifierletter", "Lm"),
    ("Modifiersymbol", "Sk"),
    ("Nonspacingmark", "Mn"),
    ("Number", "N"),
    ("Openpunctuation", "Ps"),
    ("Other", "C"),
    ("Otherletter", "Lo"),
    ("Othernumber", "No"),
    ("Otherpunctuation", "Po"),
    ("Othersymbol", "So"),
    ("Paragraphseparator", "Zp"),
    ("Privateuse", "Co"),
    ("Punct", "P"),
    ("Punctuation", "P"),
    ("Separator", "Z"),
    ("Spaceseparator", "Zs"),
    ("Spacingmark", "Mc"),
    ("Symbol", "S"),
    ("Titlecaseletter", "Lt"),
    ("Uppercaseletter", "Lu"),
];

/// Scripts of one word. Go does not find the others, however they are spelled.
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Carian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dogra",
    "Duployan",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kharoshthi",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Medefaidrin",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "Newa",
    "Nko",
    "Nushu",
    "Ogham",
    "Oriya",
    "Osage",
    "Osmanya",
    "Palmyrene",
    "Phoenician",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "Sinhala",
    "Sogdian",
    "Soyombo",
    "Sundanese",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Yezidi",
    "Yi",
];

/// `\d` and its like: the class, and the text behind it. `None` if the text is something else.
pub(super) fn perl(text: &str) -> Option<(&'static str, &str)> {
    let class = match text.as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b's', ..] => r"[\t\n\f\r ]",
        [b'\\', b'S', ..] => r"[^\t\n\f\r ]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        _ => return None,
    };
    Some((class, &text[2..]))
}

/// `\pL`, `\P{Greek}`, `\p{^L}`: the class, and the text behind it. `None` if the text is something else.
pub(super) fn unicode(text: &str) -> Outcome<Option<(String, &str)>> {
    let negated = match text.as_bytes() {
        [b'\\', letter @ (b'p' | b'P'), ..] => *letter == b'P',
        _ => return Ok(None),
    };
    let Some(first) = text[2..].chars().next() else {
        // At the end of the text Go finds neither a class nor an escape.
        return invalid("invalid character class range", text);
    };
    let (end, name) = if first == '{' {
        match text.find('}') {
            Some(end) => (end + 1, &text[3..end]),
            None => return invalid("invalid character class range", text),
        }
    } else {
        let end = 2 + first.len_utf8();
        (end, &text[2..end])
    };
    let (negated, name) = match name.strip_prefix('^') {
        Some(name) => (!negated, name),
        None => (negated, name),
    };
    match table(&canonical(name)) {
        Some(class) if negated => Ok(Some((format!("[^{class}]"), &text[end..]))),
        Some(class) => Ok(Some((class, &text[end..]))),
        None => invalid("invalid character class range", &text[..end]),
    }
}

/// The first letter in upper case, the others in lower case, without `_`, `-` and spaces.
fn canonical(name: &str) -> String {
    let mut canonical = String::with_capacity(name.len());
    let mut first = true;
    for character in name.chars() {
        match character {
            '_' | '-' | ' ' => {}
            letter if first => {
                canonical.push(letter.to_ascii_uppercase());
                first = false;
            }
            letter => canonical.push(letter.to_ascii_lowercase()),
        }
    }
    canonical
}

fn table(name: &str) -> Option<String> {
    let of = |name: &str| match name {
        // A character that is not assigned yet counts as `C`.
        "C" => format!(r"[\p{{C}}[^{KNOWN}]]"),
        other => format!(r"[\p{{{other}}}&&{KNOWN}]"),
    };
    match name {
        "Any" => return Some(EVERYTHING.to_owned()),
        "Ascii" => return Some(r"[\x00-\x7F]".to_owned()),
        "Assigned" => return Some(format!("[{KNOWN}]")),
        "Cn" | "Unassigned" => return Some(format!("[^{KNOWN}]")),
        // No character of a text is half a surrogate pair.
        "Cs" | "Surrogate" => return Some(NOTHING.to_owned()),
        _ => {}
    }
    if CATEGORIES.contains(&name) {
        return Some(of(name));
    }
    if SCRIPTS.contains(&name) {
        return Some(format!(r"[\p{{Script={name}}}&&{KNOWN}]"));
    }
    let (_, category) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
    Some(of(category))
}

/// `[:alpha:]`: the class, and the text behind it. `None` if the text is something else.
fn posix(text: &str) -> Outcome<Option<(String, &str)>> {
    let Some(end) = text.strip_prefix("[:").and_then(|rest| rest.find(":]")) else {
        return Ok(None);
    };
    let (name, rest) = text.split_at(end + 4);
    let inner = &name[2..name.len() - 2];
    let (negated, plain) = match inner.strip_prefix('^') {
        Some(plain) => ("^", plain),
        None => ("", inner),
    };
    let ranges = match plain {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => r"\x00-\x7F",
        "blank" => r"\t ",
        "cntrl" => r"\x00-\x1F\x7F",
        "digit" => "0-9",
        "graph" => r"\x21-\x7E",
        "lower" => "a-z",
        "print" => r"\x20-\x7E",
        "punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
        "space" => r"\t\n\x0B\f\r ",
        "upper" => "A-Z",
        "word" => "0-9A-Za-z_",
        "xdigit" => "0-9A-Fa-f",
        _ => return invalid("invalid character class range", name),
    };
    Ok(Some((format!("[{negated}{ranges}]"), rest)))
}

/// A class in brackets: as the crate writes it, and the text behind it.
pub(super) fn bracketed(text: &str) -> Outcome<(String, &str)> {
    let mut rest = &text[1..];
    let mut opening = "[";
    if let Some(after) = rest.strip_prefix('^') {
        opening = "[^";
        rest = after;
    }
    let mut class = String::new();
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        // Go looks at `[:` only if a third byte follows.
        if rest.len() > 2
            && let Some((named, after)) = posix(rest)?
        {
            class.push_str(&named);
            rest = after;
        } else if let Some((named, after)) = unicode(rest)? {
            class.push_str(&named);
            rest = after;
        } else if let Some((named, after)) = perl(rest) {
            class.push_str(named);
            rest = after;
        } else {
            rest = range(rest, text, &mut class)?;
        }
    }
    if class.is_empty() {
        // It had only halves of surrogate pairs.
        class.push_str(NOTHING);
    }
    Ok((format!("{opening}{class}]"), &rest[1..]))
}

/// One character of a class, or a range of them.
fn range<'a>(text: &'a str, whole: &str, class: &mut String) -> Outcome<&'a str> {
    let (low, mut rest) = member(text, whole)?;
    let mut high = low;
    let bytes = rest.as_bytes();
    if bytes.len() >= 2 && bytes[0] == b'-' && bytes[1] != b']' {
        (high, rest) = member(&rest[1..], whole)?;
        if high < low {
            let part = &text[..text.len() - rest.len()];
            return invalid("invalid character class range", part);
        }
    }
    let surrogates = 0xd800..=0xdfff_u32;
    let low = if surrogates.contains(&low) {
        0xe000
    } else {
        low
    };
    let high = if surrogates.contains(&high) {
        0xd7ff
    } else {
        high
    };
    if low <= high {
        let _ = write!(class, r"\x{{{low:x}}}-\x{{{high:x}}}");
    }
    Ok(rest)
}

fn member<'a>(text: &'a str, whole: &str) -> Outcome<(u32, &'a str)> {
    match text.chars().next() {
        None => invalid("missing closing ]", whole),
        Some('\\') => escape(text),
        Some(character) => Ok((u32::from(character), &text[character.len_utf8()..])),
    }
}
