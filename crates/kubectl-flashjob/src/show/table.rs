//! A table as kubectl prints it: titles, columns three blanks apart, nothing cut; or without titles, and narrower. Pure.

use super::{Line, Tone};

/// Blanks between columns.
const GAP: usize = 3;

/// How wide the columns of a table are that goes on and on: they widen, and never narrow.
#[derive(Clone, Debug)]
pub struct Columns {
    widths: Vec<usize>,
    gap: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self::apart(GAP)
    }
}

/// The lines of a table; every row has a cell for each title.
pub fn lines(titles: &[&str], rows: Vec<Vec<Line>>) -> Vec<Line> {
    Columns::default().begin(titles, rows)
}

impl Columns {
    /// With so many blanks between them.
    pub fn apart(gap: usize) -> Self {
        Self {
            widths: Vec::new(),
            gap,
        }
    }

    /// The first lines, titles included.
    pub fn begin(&mut self, titles: &[&str], rows: Vec<Vec<Line>>) -> Vec<Line> {
        let titles = titles.iter();
        let titles = titles.map(|title| Line::of(Tone::Strong, title)).collect();
        let mut all = vec![titles];
        all.extend(rows);
        self.more(all)
    }

    /// More lines below.
    pub fn more(&mut self, rows: Vec<Vec<Line>>) -> Vec<Line> {
        for row in &rows {
            self.widths.resize(self.widths.len().max(row.len()), 0);
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        rows.into_iter().map(|row| self.line(row)).collect()
    }

    fn line(&self, row: Vec<Line>) -> Line {
        let mut line = Line::default();
        let mut end = 0;
        for (cell, width) in row.into_iter().zip(&self.widths) {
            line.pad(end);
            line.append(cell);
            end += width + self.gap;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cell = |text: &str| Line::of(Tone::Plain, text);
        let rows = vec![
            vec![cell("漢字"), cell("1")],
            vec![cell("lamps-of-the-lab"), cell("")],
        ];
        let lines = lines(&["NAME", "AGE"], rows);
        let lines: Vec<_> = lines.iter().map(Line::text).collect();
        assert_eq!(
            lines,
            [
                "NAME               AGE",
                "漢字               1",
                "lamps-of-the-lab"
            ]
        );
    }

    #[test]
    fn columns_of_a_table_that_goes_on_widen_and_never_narrow() {
        let row = |name: &str| [name, "1"].map(|text| Line::of(Tone::Plain, text)).to_vec();
        let mut columns = Columns::default();
        let mut lines = columns.begin(&["NAME", "AGE"], vec![row("lamps")]);
        lines.extend(columns.more(vec![row("thermometers")]));
        lines.extend(columns.more(vec![row("lamps")]));
        let lines: Vec<_> = lines.iter().map(Line::text).collect();
        let expected = [
            "NAME    AGE",
            "lamps   1",
            "thermometers   1",
            "lamps          1",
        ];
        assert_eq!(lines, expected);
    }
}
