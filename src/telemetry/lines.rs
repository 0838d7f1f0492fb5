//! What others wrote, in the lines of the log: one event is one line, and a terminal is not told anything by it.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;
use crate::display;

/// What the formatter itself tells a terminal, after the escape: to set off, to colour, and to stop that.
const COLOURS: [&str; 10] = [
    "[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m", "[36m",
];

/// Writes events to `out` as [`display`] shows text.
pub(super) struct Lines<W> {
    out: W,
    format: LogFormat,
    /// The formatter colours its lines.
    colours: bool,
}

impl<W> Lines<W> {
    pub(super) const fn new(out: W, format: LogFormat, colours: bool) -> Self {
        Self {
            out,
            format,
            colours,
        }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            out: self.out.make_writer(),
            format: self.format,
            colours: self.colours,
        }
    }
}

/// One event: the formatter hands it over in one piece.
pub(super) struct Line<W> {
    out: W,
    format: LogFormat,
    colours: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(event) => {
                let shown = shown(event, self.format, self.colours);
                self.out.write_all(shown.as_bytes())?;
            }
            Err(_) => self.out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn shown(event: &str, format: LogFormat, colours: bool) -> Cow<'_, str> {
    let (event, end) = event
        .strip_suffix('\n')
        .map_or((event, ""), |event| (event, "\n"));
    let shown = match format {
        LogFormat::Json => display::json(event),
        LogFormat::Text if colours => {
            let mut parts = event.split('\u{1b}');
            let first = display::line(parts.next().unwrap_or_default(), usize::MAX);
            let rest = parts.map(|part| {
                let own = COLOURS.iter().any(|colour| part.starts_with(colour));
                let escape = if own { "\u{1b}" } else { "\\u{1b}" };
                format!("{escape}{}", display::line(part, usize::MAX))
            });
            Cow::Owned(std::iter::once(first.into_owned()).chain(rest).collect())
        }
        LogFormat::Text => display::line(event, usize::MAX),
    };
    Cow::Owned(format!("{shown}{end}"))
}
