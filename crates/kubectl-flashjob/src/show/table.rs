//! A table as kubectl prints it: titles, columns three blanks apart, nothing cut. Pure.

use super::{Line, Tone};

/// Blanks between columns.
const GAP: usize = 3;

/// The lines of a table; every row has a cell for each title.
pub fn lines(titles: &[&str], rows: Vec<Vec<Line>>) -> Vec<Line> {
    let titles: Vec<Line> = titles
        .iter()
        .map(|title| Line::of(Tone::Strong, title))
        .collect();
    let mut all = vec![titles];
    all.extend(rows);
    let columns = all.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = all.iter().filter_map(|row| row.get(column));
            cells.map(Line::width).max().unwrap_or_default()
        })
        .collect();
    let join = |row: Vec<Line>| {
        let mut line = Line::default();
        let mut end = 0;
        for (cell, width) in row.into_iter().zip(&widths) {
            line.pad(end);
            line.append(cell);
            end += width + GAP;
        }
        line
    };
    all.into_iter().map(join).collect()
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
}
