//! A line of a terminal: pieces of text, each with its tone. Pure.
//!
//! Whatever others wrote gets into a line through [`Line::add`] alone, which shows it as the operator does: nothing of it acts on a
//! terminal or begins a line.

use std::fmt::Write as _;

use flashjob_operator::display;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Tone;

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(Tone, String)>,
    whole: bool,
}

impl Line {
    /// A line of one piece.
    pub fn of(tone: Tone, text: &str) -> Self {
        let mut line = Self::default();
        line.add(tone, text);
        line
    }

    /// A command, which is never cut: people copy it.
    pub fn command(text: &str) -> Self {
        Self {
            whole: true,
            ..Self::of(Tone::Plain, text)
        }
    }

    /// Adds a piece.
    pub fn add(&mut self, tone: Tone, text: &str) {
        if !text.is_empty() {
            let text = display::line(text, display::LINE).into_owned();
            self.pieces.push((tone, text));
        }
    }

    /// The same with another piece.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: &str) -> Self {
        self.add(tone, text);
        self
    }

    /// Adds all of another line.
    pub fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    /// Adds blanks up to a column.
    pub fn pad(&mut self, column: usize) {
        let blanks = column.saturating_sub(self.width());
        if blanks > 0 {
            self.pieces.push((Tone::Plain, " ".repeat(blanks)));
        }
    }

    /// The same in so many columns at most; a mark stands for what was left out.
    #[must_use]
    pub fn fit(self, columns: usize) -> Self {
        if self.whole { self } else { self.cut(columns) }
    }

    /// The same in so many columns at most, a command too: for a screen that has no more.
    #[must_use]
    pub fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns.saturating_sub(1);
        let mut fitted = Self::default();
        for (tone, text) in self.pieces {
            let mut kept = String::new();
            for letter in text.chars() {
                let width = letter.width().unwrap_or(0);
                if width > left {
                    kept.push('…');
                    fitted.pieces.push((tone, kept));
                    return fitted;
                }
                left -= width;
                kept.push(letter);
            }
            fitted.pieces.push((tone, kept));
        }
        fitted
    }

    /// Its pieces.
    pub fn pieces(&self) -> impl Iterator<Item = (Tone, &str)> {
        self.pieces
            .iter()
            .map(|(tone, text)| (*tone, text.as_str()))
    }

    /// Its text, without blanks at its end.
    pub fn text(&self) -> String {
        let text: String = self.pieces.iter().map(|(_, text)| text.as_str()).collect();
        text.trim_end().to_owned()
    }

    /// Its text with the escape sequences of its tones.
    pub fn colored(&self) -> String {
        let mut colored = String::new();
        for (tone, text) in &self.pieces {
            let style = tone.style();
            // Writing to a string does not fail.
            let _ = write!(colored, "{style}{text}{style:#}");
        }
        colored
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_others_wrote_does_not_act_on_a_terminal() {
        let line = Line::of(Tone::Bad, "a\u{1b}[2J\nb\u{202e}");
        assert_eq!(line.text(), "a\\u{1b}[2J\\nb\\u{202e}");
        assert_eq!(
            line.colored(),
            "\u{1b}[31ma\\u{1b}[2J\\nb\\u{202e}\u{1b}[0m"
        );
    }

    #[test]
    fn a_command_is_cut_by_a_screen_alone() {
        let line = Line::command("kubectl flashjob get thermo").fit(10);
        assert_eq!(line.text(), "kubectl flashjob get thermo");
        assert_eq!(line.cut(10).text(), "kubectl f…");
    }

    #[rstest]
    #[case::short(5, "ab漢c")]
    #[case::cut(4, "ab…")]
    #[case::cut_in_the_second_piece(3, "ab…")]
    #[case::nothing(1, "…")]
    fn a_line_fits_into_its_columns(#[case] columns: usize, #[case] text: &str) {
        let line = Line::of(Tone::Plain, "ab").and(Tone::Good, "漢c");
        let fitted = line.fit(columns);
        assert_eq!(fitted.text(), text);
        assert!(fitted.width() <= columns);
    }
}
