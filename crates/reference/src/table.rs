//! Cells of Markdown tables.

use serde_json::Value;

/// Text as a cell shows it: in code everything but `|` stands for itself.
pub fn cell(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = part.replace('|', "\\|");
        if index % 2 == 1 {
            return part;
        }
        part.replace('<', "&lt;").replace('*', "\\*")
    });
    parts.collect::<Vec<_>>().join("`")
}

/// A cell of code; one that is empty shows nothing.
pub fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", text.replace('|', "\\|"))
}

/// A value as somebody would write it in one line.
pub fn json(value: &Value) -> String {
    value
        .to_string()
        .replace("\":", "\": ")
        .replace(",\"", ", \"")
}

/// The lines of a table.
pub fn rows(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{}\n{body}", line(&head), "---|".repeat(head.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_neither_ends_early_nor_hides_what_looks_like_a_tag() {
        assert_eq!(cell("a | <b> `c | <d>`"), "a \\| &lt;b> `c \\| <d>`");
    }
}
