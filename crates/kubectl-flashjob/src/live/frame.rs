//! A picture of the state for a terminal of a size. Pure.

use flashjob_operator::display;
use jiff::Timestamp;

use super::{
    key::KEYS,
    state::{Live, Over, View},
};
use crate::{
    show::{Canvas, Line, Tone},
    view::{self, Look, Tree},
};

/// Least rows that the tree has.
const LEAST: usize = 1;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The rows of the terminal, from the first.
    pub lines: Vec<Line>,
    top: usize,
    page: usize,
}

impl Live {
    /// The picture for so many columns and rows.
    pub fn frame(&self, (columns, rows): (usize, usize), now: Timestamp) -> Frame {
        let below = self.below(columns, now);
        let page = rows.saturating_sub(below.len()).max(LEAST);
        let (mut lines, top) = match &self.over {
            Over::Nothing | Over::Question(..) => self.shown(&self.tree(now), columns, page, now),
            Over::Help => (help(), self.top),
            Over::Log(journal) => (journal.rows(page), self.top),
        };
        lines.resize(page, Line::default());
        lines.extend(below);
        lines.truncate(rows);
        let lines = lines.into_iter().map(|line| line.cut(columns)).collect();
        Frame { lines, top, page }
    }

    /// The next key moves on from what this picture shows.
    pub fn drawn(&mut self, frame: &Frame) {
        self.page = frame.page;
        self.top = frame.top;
        if let View::From(row) = &mut self.view {
            *row = frame.top;
        }
    }

    /// The visible rows of the tree, and the number of the first one.
    fn shown(
        &self,
        tree: &Tree,
        columns: usize,
        page: usize,
        now: Timestamp,
    ) -> (Vec<Line>, usize) {
        let look = Look {
            wide: self.wide,
            columns,
            most: usize::MAX,
            selected: self.selected,
        };
        let mut counted = Canvas::of(0..0);
        view::draw(tree, look, now, &mut counted);
        let last = counted.rows().saturating_sub(page);
        let top = match (self.view, counted.marked()) {
            (View::From(row), _) => row.min(last),
            // As little is moved as shows the device with its Pod.
            (View::Follow, Some(marked)) => {
                let lowest = marked.end.saturating_sub(page);
                let highest = marked.start.max(lowest);
                self.top.clamp(lowest, highest).min(last)
            }
            (View::Follow, None) => 0,
        };
        let mut canvas = Canvas::of(top..top + page);
        view::draw(tree, look, now, &mut canvas);
        (canvas.into_lines(), top)
    }

    /// What stands below: words, where there are any, and the keys.
    fn below(&self, columns: usize, now: Timestamp) -> Vec<Line> {
        let mut lines = self.words(columns);
        let keys = match &self.over {
            Over::Nothing => "q quit  p suspend/resume  a approve  l log  ? help",
            Over::Help => "any key: back",
            Over::Log(_) => "q back  ↑ ↓ PgUp PgDn older and newer lines",
            Over::Question(..) => "y yes  any other key: no",
        };
        let mut line = Line::of(Tone::Faint, keys);
        let time = display::time(now);
        line.pad(columns.saturating_sub(time.len()));
        if line.width() + time.len() <= columns {
            line.add(Tone::Faint, &time);
        }
        lines.push(line);
        lines
    }
}

fn help() -> Vec<Line> {
    let mut lines = vec![Line::of(Tone::Strong, "Keys"), Line::default()];
    for (key, does) in KEYS {
        let mut line = Line::of(Tone::Strong, &format!("  {key}"));
        line.pad(14);
        line.add(Tone::Plain, does);
        lines.push(line);
    }
    lines
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
