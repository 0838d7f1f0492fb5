//! What may be logged, as people write it. The library takes a word that is not a level for a part of the program, of which nothing
//! is ever logged: with `warning` it would be silent. Here every part has its level, and a single word is one.

use std::sync::LazyLock;

use regex::Regex;

/// A level, as tracing names them.
const LEVELS: &str = "(?i:off|error|warn|info|debug|trace|[0-5])";

static DIRECTIVE: LazyLock<Result<Regex, regex::Error>> = LazyLock::new(|| {
    let part = r"[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*";
    Regex::new(&format!("^({part}=)?{LEVELS}$"))
});

/// A log filter cannot be used.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum LogLevelError {
    /// One of its parts is not a level, and does not give one.
    #[error(
        "the log level {0:?} cannot be used: write error, warn, info, debug, trace or off, or part=level pairs, comma-separated, \
         such as info,flashjob_operator::flashjob=debug"
    )]
    NotALevel(String),
    /// The library refuses it.
    #[error("the log level {filter:?} cannot be used: {message}")]
    Refused {
        /// The filter.
        filter: String,
        /// What the library says.
        message: String,
    },
}

/// The filter without spaces and empty parts.
///
/// # Errors
/// When a part of it is not a level or a `part=level` pair, or there is none.
pub(super) fn check(filter: &str) -> Result<String, LogLevelError> {
    let refuse = |text: &str| LogLevelError::NotALevel(text.to_owned());
    let directives: Vec<&str> = filter
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .collect();
    if directives.is_empty() {
        return Err(refuse(filter));
    }
    let directive = DIRECTIVE.as_ref().map_err(|_| refuse(filter))?;
    match directives.iter().find(|text| !directive.is_match(text)) {
        Some(text) => Err(refuse(text)),
        None => Ok(directives.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    /// The pattern of the operator chart for its value `log.level`.
    fn of_the_chart() -> Regex {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = root.join("charts/flashjob-operator/values.schema.json");
        let text = std::fs::read_to_string(file).expect("a schema");
        let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let pattern = schema.pointer("/properties/log/properties/level/pattern");
        Regex::new(pattern.and_then(|pattern| pattern.as_str()).expect("one")).expect("a pattern")
    }

    #[rstest]
    #[case("info", "info")]
    #[case("WARN", "WARN")]
    #[case("off", "off")]
    #[case("3", "3")]
    #[case("info,", "info")]
    #[case("warn, flashjob_operator=debug", "warn,flashjob_operator=debug")]
    #[case(
        "flashjob_operator::flashjob=trace",
        "flashjob_operator::flashjob=trace"
    )]
    fn levels_and_parts_with_a_level_are_filters_to_the_operator_and_to_its_chart(
        #[case] filter: &str,
        #[case] taken: &str,
    ) {
        assert_eq!(check(filter).as_deref(), Ok(taken));
        assert!(of_the_chart().is_match(filter), "{filter}");
    }

    #[rstest]
    #[case("warning", "warning")]
    #[case("info,verbose", "verbose")]
    #[case("infoo", "infoo")]
    #[case("6", "6")]
    #[case("", "")]
    #[case(" , ", " , ")]
    #[case("info debug", "info debug")]
    #[case("flashjob_operator", "flashjob_operator")]
    #[case("flashjob_operator=", "flashjob_operator=")]
    #[case("flashjob_operator=loud", "flashjob_operator=loud")]
    // A part is called as in Rust, with `_`: of this one nothing is ever logged.
    #[case("flashjob-operator=debug", "flashjob-operator=debug")]
    #[case("[span]=debug", "[span]=debug")]
    fn a_word_that_is_not_a_level_is_refused_by_the_operator_and_by_its_chart(
        #[case] filter: &str,
        #[case] wrong: &str,
    ) {
        let error = check(filter).expect_err("no level").to_string();
        let begin = format!("the log level {wrong:?} cannot be used: write error, warn, info");
        assert!(error.starts_with(&begin), "{error}");
        assert!(!of_the_chart().is_match(filter), "{filter}");
    }
}
