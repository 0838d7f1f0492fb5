//! Sentences on several lines. Pure.

use flashjob_operator::display;
use unicode_width::UnicodeWidthStr;

use super::{Line, Tone};

/// Sentences in lines of at most so many columns, each after that indent. A word that is longer stays whole.
pub fn wrap(text: &str, columns: usize, indent: &str) -> Vec<Line> {
    let text = display::prose(text, display::LINE);
    let mut lines = vec![String::from(indent)];
    let mut begun = false;
    for word in text.split(' ') {
        let width = lines.last().map_or(0, |line| line.width());
        if begun && width.saturating_add(1 + word.width()) > columns {
            lines.push(String::from(indent));
            begun = false;
        }
        if let Some(line) = lines.last_mut() {
            if begun {
                line.push(' ');
            }
            line.push_str(word);
        }
        begun = true;
    }
    let lines = lines.iter().map(|line| Line::of(Tone::Plain, line));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        let lines = wrap(text, columns, "  ");
        lines.iter().map(Line::text).collect()
    }

    #[test]
    fn sentences_break_between_words() {
        let lines = wrapped("the operator looks at the job again", 20);
        assert_eq!(lines, ["  the operator looks", "  at the job again"]);
    }

    #[test]
    fn a_long_word_has_a_line_of_its_own() {
        let lines = wrapped("see registry.example.com/esp32:1.2.0 there", 12);
        assert_eq!(
            lines,
            ["  see", "  registry.example.com/esp32:1.2.0", "  there"]
        );
    }

    #[test]
    fn without_a_limit_there_is_one_line() {
        assert_eq!(wrapped("a b c", usize::MAX), ["  a b c"]);
    }
}
