//! The table of a chart's values, from the comments that begin with `# --`.

use serde_json::Value;

use crate::table::{cell, code, json, rows};

const BEGIN: &str = "<!-- values: generated from values.yaml by `make generate` -->\n";
const END: &str = "<!-- end of values -->\n";

/// A key of the file: its path and its comment.
struct Key {
    path: Vec<String>,
    said: Option<String>,
}

/// The name at the beginning of a line such as `  name: …`, with its indentation.
fn name_of(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start();
    let (name, _) = bare.split_once(':')?;
    let is_name = name.chars().all(char::is_alphanumeric) && !name.is_empty();
    is_name.then(|| (line.len() - bare.len(), name))
}

/// Every key of the file, in its order.
fn keys(text: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut said: Option<String> = None;
    for line in text.lines() {
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            let comment = comment.trim();
            if let Some(first) = comment.strip_prefix("-- ") {
                said = Some(first.to_owned());
            } else if let Some(said) = &mut said {
                said.push(' ');
                said.push_str(comment);
            }
            continue;
        }
        if let Some((indent, name)) = name_of(line) {
            above.retain(|(of, _)| *of < indent);
            above.push((indent, name.to_owned()));
            let path = above.iter().map(|(_, name)| name.clone()).collect();
            keys.push(Key {
                path,
                said: said.take(),
            });
        }
        said = None;
    }
    keys
}

/// Every value that has a default, with its path. The comment of a map covers every value in it.
fn silent(value: &Value, path: &mut Vec<String>, keys: &[Key], found: &mut Vec<String>) {
    if keys
        .iter()
        .any(|key| key.path == *path && key.said.is_some())
    {
        return;
    }
    let map = value.as_object().filter(|map| !map.is_empty());
    let Some(map) = map else {
        found.push(path.join("."));
        return;
    };
    for (name, value) in map {
        path.push(name.clone());
        silent(value, path, keys, found);
        path.pop();
    }
}

/// The table of a values file.
///
/// # Errors
/// Where a value has no comment that says what it is.
pub fn table(text: &str) -> Result<String, String> {
    let values: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let keys = keys(text);
    let mut found = Vec::new();
    silent(&values, &mut Vec::new(), &keys, &mut found);
    if !found.is_empty() {
        return Err(format!("no `# --` comment above: {}", found.join(", ")));
    }
    let row = |key: &Key| {
        let said = key.said.as_deref()?;
        let default = values.pointer(&format!("/{}", key.path.join("/")))?;
        Some(vec![
            code(&key.path.join(".")),
            code(&json(default)),
            cell(said),
        ])
    };
    let lines: Vec<_> = keys.iter().filter_map(row).collect();
    Ok(rows(&["value", "default", "what it is"], &lines))
}

/// The page with this table between its marks.
///
/// # Errors
/// Where the page has no marks.
pub fn put(page: &str, table: &str) -> Result<String, String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| format!("has no lines\n{BEGIN}{END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_path_the_default_and_all_lines_of_the_comment() {
        let text = "# Of all.\na:\n  # -- What b is,\n  # in two lines | or so.\n  b: {c: 1, d: [x]}\n# -- E.\ne: \"\"\n";
        let table = table(text).unwrap();
        let row = "| `a.b` | `{\"c\": 1, \"d\": [\"x\"]}` | What b is, in two lines \\| or so. |\n";
        assert!(table.contains(row), "{table}");
        assert!(table.ends_with("| `e` | `\"\"` | E. |\n"), "{table}");
    }

    #[test]
    fn a_value_of_which_nothing_is_said_is_an_error_that_names_it() {
        let error = table("# -- A.\na: 1\nb:\n  # Not said.\n  c: 2\n").unwrap_err();
        assert_eq!(error, "no `# --` comment above: b.c");
    }

    #[test]
    fn a_page_keeps_what_is_around_its_table() {
        let page = format!("# P\n\n{BEGIN}old\n{END}\nrest\n");
        let put = put(&page, "new\n").unwrap();
        assert_eq!(put, format!("# P\n\n{BEGIN}\nnew\n\n{END}\nrest\n"));
    }
}
