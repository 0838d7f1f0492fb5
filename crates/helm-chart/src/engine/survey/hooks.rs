//! Objects that helm runs at points of a release's life, as far as a template's text shows them. Pure.

use crate::engine::check::Finding;
use crate::feature::Feature;

/// The annotation that makes an object a hook.
const HOOK: &str = "helm.sh/hook";

/// Hooks other than tests would have to be run in order and waited for.
pub(super) fn hooks(text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let start = line.find(HOOK)?;
        let before = &line[..start];
        // An action before it could end the comment.
        if before.trim_start().starts_with('#') && !before.contains("{{") {
            return None;
        }
        let tail = &line[start + HOOK.len()..];
        let rest = tail
            .strip_prefix(['"', '\''])
            .unwrap_or(tail)
            .trim_start()
            .strip_prefix(':')?;
        let only_tests = events(rest)
            .split(',')
            .all(|event| matches!(event.trim(), "test" | "test-success"));
        (!only_tests).then(|| Finding {
            feature: Some(Feature::Hooks),
            ..Finding::new(index + 1, "hooks are not supported".to_owned())
        })
    });
    lines.collect()
}

/// The value of an annotation on one line. The annotation may be in a map in braces.
fn events(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some((value, _)) = text
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote))
        {
            return value;
        }
    }
    let plain = text.split_once(" #").map_or(text, |(value, _)| value);
    plain.trim_end_matches([' ', '}'])
}
