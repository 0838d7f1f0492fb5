//! The log of a device that is read on the screen. Pure.

use std::collections::VecDeque;

use crate::show::{Line, Tone};

/// Most lines that are kept, the newest ones.
const MOST: usize = 2000;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Journal {
    title: String,
    lines: VecDeque<String>,
    end: Option<String>,
    /// Lines between the newest one and the last that is shown.
    back: usize,
}

impl Journal {
    /// A log of which nothing was read yet.
    pub fn of(title: String) -> Self {
        Self {
            title,
            lines: VecDeque::new(),
            end: None,
            back: 0,
        }
    }

    /// Another line was read. Who looks at older ones goes on looking at them.
    pub fn add(&mut self, line: String) {
        if self.lines.len() == MOST {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        if self.back > 0 {
            self.back = (self.back + 1).min(self.lines.len());
        }
    }

    /// Nothing more will be read, for this reason.
    pub fn end(&mut self, why: String) {
        self.end = Some(why);
    }

    /// Looks at older lines, or with a negative number at newer ones.
    pub fn turn(&mut self, rows: isize) {
        self.back = self.back.saturating_add_signed(rows);
        self.back = self.back.min(self.lines.len().saturating_sub(1));
    }

    /// The log in so many rows.
    pub fn rows(&self, height: usize) -> Vec<Line> {
        let mut rows = vec![Line::of(Tone::Strong, &self.title)];
        let end = self.end.as_ref().map(|why| Line::of(Tone::Faint, why));
        let room = height.saturating_sub(rows.len() + usize::from(end.is_some()));
        let last = self.lines.len() - self.back.min(self.lines.len());
        let first = last.saturating_sub(room);
        let shown = self.lines.range(first..last);
        rows.extend(shown.map(|line| Line::of(Tone::Plain, line)));
        rows.extend(end);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(journal: &Journal) -> Vec<String> {
        journal.rows(4).iter().map(Line::text).collect()
    }

    #[test]
    fn the_newest_lines_are_shown_and_older_ones_stay_while_somebody_looks_at_them() {
        let mut journal = Journal::of("Log".into());
        for number in 0..MOST + 5 {
            journal.add(number.to_string());
        }
        assert_eq!(shown(&journal), ["Log", "2002", "2003", "2004"]);
        journal.turn(2);
        assert_eq!(shown(&journal), ["Log", "2000", "2001", "2002"]);
        journal.add("more".into());
        assert_eq!(shown(&journal), ["Log", "2000", "2001", "2002"]);
        journal.turn(-9);
        journal.end("the end".into());
        assert_eq!(shown(&journal), ["Log", "2004", "more", "the end"]);
        journal.turn(isize::MAX);
        assert_eq!(shown(&journal), ["Log", "6", "the end"]);
    }
}
