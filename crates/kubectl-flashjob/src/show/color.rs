//! When there are colours, and which. Pure.

use anstyle::{AnsiColor, Color, Style};

/// Whether text is coloured.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl ColorChoice {
    /// Whether there are colours, on a terminal or not, and with NO_COLOR set or not.
    pub fn holds(self, terminal: bool, no_color: bool) -> bool {
        match self {
            Self::Auto => terminal && !no_color,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What a piece of text tells, which decides about its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal has it.
    #[default]
    Plain,
    /// Of less weight.
    Faint,
    /// A title.
    Strong,
    /// It went well.
    Good,
    /// It failed.
    Bad,
    /// It is under way.
    Busy,
    /// It waits.
    Patient,
}

impl Tone {
    /// The escape sequences before and after a piece of text.
    pub fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
        match self {
            Self::Plain => Style::new(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Good => color(AnsiColor::Green),
            Self::Bad => color(AnsiColor::Red),
            Self::Busy => color(AnsiColor::Cyan),
            Self::Patient => color(AnsiColor::Yellow),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_terminal(ColorChoice::Auto, true, false, true)]
    #[case::a_pipe(ColorChoice::Auto, false, false, false)]
    #[case::no_color(ColorChoice::Auto, true, true, false)]
    #[case::always(ColorChoice::Always, false, true, true)]
    #[case::never(ColorChoice::Never, true, false, false)]
    fn colours_are_for_terminals_unless_somebody_says_otherwise(
        #[case] choice: ColorChoice,
        #[case] terminal: bool,
        #[case] no_color: bool,
        #[case] colored: bool,
    ) {
        assert_eq!(choice.holds(terminal, no_color), colored);
    }
}
