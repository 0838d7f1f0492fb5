//! Numbers and quoted strings of a template, by Go's syntax. Pure; called by `scan`.

use std::sync::LazyLock;

use regex::Regex;

use super::error::NO_MISTAKE;

/// Integers, decimal floats and hexadecimal floats, as Go's parser accepts them.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let integer =
        r"0|[1-9](_?[0-9])*|0(_?[0-7])+|0[xX](_?[0-9a-fA-F])+|0[oO](_?[0-7])+|0[bB](_?[01])+";
    let decimal = r"([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+";
    let hexadecimal = r"0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+";
    Regex::new(&format!("^[+-]?({integer}|{decimal}|{hexadecimal})$"))
        .expect("the pattern is constant and valid")
});

/// Checks a number.
///
/// # Errors
/// If Go refuses it, or it is the lowest or a complex number, which nothing in a chart needs.
pub(super) fn number(text: &str) -> Result<(), String> {
    let decimal = !text.contains(['x', 'X']) && text.contains(['.', 'e', 'E']);
    let overflows = decimal && !text.parse::<f64>().is_ok_and(f64::is_finite);
    // Go reads them. The parser here does not.
    if text == "-9223372036854775808" || NUMBER.is_match(text.strip_suffix('i').unwrap_or("")) {
        return Err(format!("the number {text} is not read; {NO_MISTAKE}"));
    }
    if overflows || !NUMBER.is_match(text) {
        Err(format!("bad number syntax: {text:?}"))
    } else {
        Ok(())
    }
}

/// Checks the escapes of a string or character constant, given with its quotes.
///
/// # Errors
/// If Go refuses it.
pub(super) fn escapes(text: &str) -> Result<(), String> {
    let quote = text.as_bytes()[0];
    let mut rest = &text[1..text.len() - 1];
    while let Some(start) = rest.find('\\') {
        let escape = &rest[start + 1..];
        let length =
            escape_length(escape, quote).ok_or_else(|| format!("invalid escape in {text}"))?;
        // These stand for bytes inside of the engine.
        let code = escape.get(1..9).filter(|_| escape.starts_with('U'));
        if code
            .is_some_and(|code| u32::from_str_radix(code, 16).is_ok_and(|code| code >= 0x10_ff80))
        {
            return Err(format!("the character in {text} is not read; {NO_MISTAKE}"));
        }
        rest = &escape[length..];
    }
    Ok(())
}

/// The byte beyond ASCII that an escape stands for. It may be only a part of a character.
pub(super) fn high_byte(escape: &str) -> Option<u8> {
    let (digits, radix) = match escape.as_bytes().first()? {
        b'x' => (escape.get(1..3)?, 16),
        _ => (escape.get(0..3)?, 8),
    };
    u8::from_str_radix(digits, radix)
        .ok()
        .filter(|byte| *byte >= 0x80)
}

fn escape_length(escape: &str, quote: u8) -> Option<usize> {
    let code = |start: usize, end: usize, radix: u32| {
        let digits = escape.get(start..end)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        u32::from_str_radix(digits, radix).ok().filter(|_| plain)
    };
    match *escape.as_bytes().first()? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' => Some(1),
        byte @ (b'"' | b'\'') => (byte == quote).then_some(1),
        b'x' => code(1, 3, 16).map(|_| 3),
        b'0'..=b'7' => code(0, 3, 8).filter(|code| *code < 0x100).map(|_| 3),
        b'u' => code(1, 5, 16).and_then(char::from_u32).map(|_| 5),
        b'U' => code(1, 9, 16).and_then(char::from_u32).map(|_| 9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0", true)]
    #[case("-17", true)]
    #[case("1_000", true)]
    #[case("017", true)]
    #[case("0x1F", true)]
    #[case("1.5e-3", true)]
    #[case(".5", true)]
    #[case("1.", true)]
    #[case("0x1p4", true)]
    #[case("08", false)]
    #[case("1.5.2", false)]
    #[case("1i", false)]
    #[case("1e400", false)]
    #[case("0x", false)]
    #[case("1_000.5", false)]
    #[case("1__0", false)]
    fn numbers_follow_go(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(number(text).is_ok(), valid);
    }

    #[rstest]
    #[case(r#""\u00e9\x41\101\n\"""#, true)]
    #[case(r"'\''", true)]
    #[case(r#""\'""#, false)]
    #[case(r#""\q""#, false)]
    #[case(r#""\xff\377""#, true)]
    #[case(r#""\400""#, false)]
    #[case(r#""\ud800""#, false)]
    #[case(r#""\x4""#, false)]
    fn escapes_follow_go(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(escapes(text).is_ok(), valid);
    }
}
