//! Files of several documents, as Helm splits values files. Pure.

use serde_json::Value;

use super::{Error, parse};

/// Reads every document of a text. As Helm splits values files, any line that starts with `---` separates two documents, even
/// where YAML would go on with the first.
///
/// # Errors
/// As [`parse`], the line counted in the whole text; and if a separator is followed by anything but a comment.
pub fn parse_all(text: &str) -> Result<Vec<Value>, Error> {
    let mut documents = Vec::new();
    let (mut document, mut first_line) = (String::new(), 0);
    let mut flush = |document: &mut String, lines: usize| -> Result<(), Error> {
        if !document.is_empty() {
            documents.push(parse(document).map_err(|error| error.shifted(lines))?);
            document.clear();
        }
        Ok(())
    };
    for (index, line) in text.lines().enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                let message = format!("invalid Yaml document separator: {rest}");
                return Err(Error::ours(Some(index + 1), message));
            }
            if !document.is_empty() {
                flush(&mut document, first_line)?;
                first_line = index + 1;
                continue;
            }
        }
        if document.is_empty() {
            first_line = index;
        }
        document.push_str(line);
        document.push('\n');
    }
    flush(&mut document, first_line)?;
    Ok(documents)
}
