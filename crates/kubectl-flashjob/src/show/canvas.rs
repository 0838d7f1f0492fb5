//! Lines of which only those are made that a window shows. Pure.

use std::ops::Range;

use super::Line;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Canvas {
    window: Range<usize>,
    row: usize,
    lines: Vec<Line>,
    marked: Option<Range<usize>>,
}

impl Canvas {
    /// All lines are made.
    pub fn whole() -> Self {
        Self::of(0..usize::MAX)
    }

    /// The lines of these rows are made.
    pub fn of(window: Range<usize>) -> Self {
        Self {
            window,
            row: 0,
            lines: Vec::new(),
            marked: None,
        }
    }

    /// Whether the window shows any of the next rows.
    pub fn shows(&self, rows: usize) -> bool {
        self.row < self.window.end && self.row.saturating_add(rows) > self.window.start
    }

    /// Adds a line, which is made if the window shows its row.
    pub fn put(&mut self, line: impl FnOnce() -> Line) {
        if self.shows(1) {
            self.lines.push(line());
        }
        self.row += 1;
    }

    /// Passes over rows that the window does not show.
    pub fn skip(&mut self, rows: usize) {
        self.row += rows;
    }

    /// Marks the next rows as those that matter most.
    pub fn mark(&mut self, rows: usize) {
        self.marked = Some(self.row..self.row + rows);
    }

    /// Rows that there are so far.
    pub fn rows(&self) -> usize {
        self.row
    }

    /// Rows that were marked.
    pub fn marked(&self) -> Option<Range<usize>> {
        self.marked.clone()
    }

    /// The lines that were made.
    pub fn into_lines(self) -> Vec<Line> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Tone;

    #[test]
    fn only_lines_within_the_window_are_made() {
        let mut canvas = Canvas::of(2..4);
        let mut made = Vec::new();
        for row in 0..6 {
            canvas.put(|| {
                made.push(row);
                Line::of(Tone::Plain, &row.to_string())
            });
        }
        canvas.mark(3);
        canvas.skip(3);
        assert_eq!(made, [2, 3]);
        assert_eq!((canvas.rows(), canvas.marked()), (9, Some(6..9)));
        let lines = canvas.into_lines();
        let lines: Vec<_> = lines.iter().map(Line::text).collect();
        assert_eq!(lines, ["2", "3"]);
    }

    #[test]
    fn rows_that_reach_into_the_window_are_shown() {
        let mut canvas = Canvas::of(2..4);
        assert!(canvas.shows(3) && !canvas.shows(2));
        canvas.skip(4);
        assert!(!canvas.shows(9));
    }
}
