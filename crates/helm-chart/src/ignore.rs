//! `.helmignore`: which files of a chart directory are not part of the chart. Pure; called by `load`.

use regex::Regex;

/// Rules of a `.helmignore`, and Helm's own one: hidden files under `templates/` never count.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Regex,
    /// The pattern has a slash: it is compared with the whole path, else with the last element.
    whole: bool,
    negated: bool,
    directory: bool,
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    /// The rule that Helm would not accept, as text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .chain(["templates/.?*"]);
        let rules = lines
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self(rules.map(Rule::parse).collect::<Result<_, _>>()?))
    }

    /// Whether a path, relative to the chart with forward slashes, is left out.
    pub(super) fn ignores(&self, path: &str, is_directory: bool) -> bool {
        for rule in &self.0 {
            let subject = if rule.whole {
                path
            } else {
                path.rsplit('/').next().unwrap_or(path)
            };
            let matches = rule.pattern.is_match(subject);
            // A negated rule leaves out whatever it does not match: that is how Helm reads it.
            let ignored = if rule.negated {
                rule.directory && !is_directory || !matches
            } else {
                matches && (!rule.directory || is_directory)
            };
            if ignored {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self, String> {
        let bad = || format!("rule {line:?} of .helmignore is not valid");
        if line.contains("**") {
            return Err(format!(
                "rule {line:?} of .helmignore: double-star (**) syntax is not supported"
            ));
        }
        let (negated, rest) = line
            .strip_prefix('!')
            .map_or((false, line), |rest| (true, rest));
        let (directory, rest) = rest
            .strip_suffix('/')
            .map_or((false, rest), |rest| (true, rest));
        let (rooted, rest) = rest
            .strip_prefix('/')
            .map_or((false, rest), |rest| (true, rest));
        let pattern = expression(rest)
            .and_then(|expression| Regex::new(&expression).ok())
            .ok_or_else(bad)?;
        Ok(Self {
            pattern,
            whole: rooted || rest.contains('/'),
            negated,
            directory,
        })
    }
}

/// A shell pattern as a regular expression: `*` and `?` stop at slashes.
fn expression(pattern: &str) -> Option<String> {
    let mut expression = String::from("(?s)^");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '\\' => expression.push_str(&regex::escape(&characters.next()?.to_string())),
            '[' => {
                let (class, rest) = characters.as_str().split_once(']')?;
                let (not, members) = class
                    .strip_prefix('^')
                    .map_or(("", class), |rest| ("^", rest));
                let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
                if members.is_empty() || !members.chars().all(plain) {
                    return None;
                }
                expression.extend(["[", not, members, "]"]);
                characters = rest.chars();
            }
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("*.tmp", "a/b.tmp", false, true)]
    #[case("*.tmp", "a/b.tmpl", false, false)]
    #[case("/top.txt", "top.txt", false, true)]
    #[case("/top.txt", "a/top.txt", false, false)]
    #[case("a/b*", "a/bc", false, true)]
    #[case("a/b*", "x/a/bc", false, false)]
    #[case(".git/", ".git", true, true)]
    #[case(".git/", ".git", false, false)]
    #[case("!keep", "other", false, true)]
    #[case("!keep", "keep", false, false)]
    #[case("# comment", "# comment", false, false)]
    #[case("", "templates/.hidden.yaml", false, true)]
    #[case("", "templates/seen.yaml", false, false)]
    #[case("[a-c].txt", "b.txt", false, true)]
    fn a_rule_matches_as_in_helm(
        #[case] rule: &str,
        #[case] path: &str,
        #[case] dir: bool,
        #[case] ignored: bool,
    ) {
        assert_eq!(
            Rules::parse(rule).expect("valid").ignores(path, dir),
            ignored
        );
    }

    #[rstest]
    #[case("a/**/b")]
    #[case("[")]
    fn what_helm_refuses_is_refused(#[case] rule: &str) {
        assert!(Rules::parse(rule).is_err());
    }
}
