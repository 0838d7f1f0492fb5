//! The terminal while a job is on it: taken when the stage is entered, and given back as it was when it is left, by a panic too.

use std::{
    io::{self, Stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor, execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    style::{Color, Modifier, Style},
    text::{Line as Row, Span, Text},
};

use crate::show::{Line, Tone};

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// See the module's documentation.
pub struct Stage {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    colored: bool,
}

impl Stage {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When there is none that can be drawn on.
    pub fn enter(colored: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            // The words of a panic would be lost on a screen that goes away.
            panic::set_hook(Box::new(move |panicked| {
                leave();
                before(panicked);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let entered = execute!(io::stdout(), EnterAlternateScreen, cursor::Hide);
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal, colored }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn size(&self) -> io::Result<(usize, usize)> {
        let size = self.terminal.size()?;
        Ok((size.width.into(), size.height.into()))
    }

    /// Draws these lines. What is on the screen already is not written again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let rows = lines.iter().map(|line| row(line, self.colored));
        let text: Text<'_> = rows.collect();
        let drawn = self
            .terminal
            .draw(|frame| frame.render_widget(text, frame.area()));
        drawn.map(drop)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back. A terminal that is gone needs nothing.
fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

fn row(line: &Line, colored: bool) -> Row<'_> {
    let span = |(tone, text)| Span::styled(text, if colored { style(tone) } else { Style::new() });
    line.pieces().map(span).collect()
}

fn style(tone: Tone) -> Style {
    let style = Style::new();
    match tone {
        Tone::Plain => style,
        Tone::Faint => style.add_modifier(Modifier::DIM),
        Tone::Strong => style.add_modifier(Modifier::BOLD),
        Tone::Good => style.fg(Color::Green),
        Tone::Bad => style.fg(Color::Red),
        Tone::Busy => style.fg(Color::Cyan),
        Tone::Patient => style.fg(Color::Yellow),
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
