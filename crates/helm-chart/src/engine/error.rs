//! What can go wrong: a chart that this engine refuses, and a rendering that fails. Pure data.

use std::fmt;

use crate::feature::{Feature, Features};
use crate::text::list;

/// The end of every message about a limit of this engine.
pub(in crate::engine) const NO_MISTAKE: &str =
    "a limit of the native engine, not a mistake in the chart";

/// One thing in a chart that this engine does not render exactly, or that Helm itself refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path inside the chart, such as `templates/pod.yaml`.
    pub file: String,
    /// Line, from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// What it is and why it is refused.
    pub what: String,
    /// What would help.
    pub remedy: Remedy,
}

/// What makes a chart usable in spite of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The helm engine.
    Helm,
    /// That an administrator allows it; then the helm engine.
    Allow(Feature),
    /// Nothing but another chart.
    Change,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.what),
            line => write!(formatter, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// The chart cannot be rendered natively; every reason is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chart {chart} cannot be rendered in process ({}); {}", list(.problems), hint(.problems))]
pub struct CompileError {
    /// Name of the chart.
    pub chart: String,
    /// All problems, by file and line.
    pub problems: Vec<Problem>,
}

impl CompileError {
    /// What no engine may render while nothing but this is allowed, and how it is allowed; none where the helm engine may.
    #[must_use]
    pub fn forbidden(&self, allowed: &Features) -> Option<Forbidden> {
        let barred = |problem: &&Problem| match problem.remedy {
            Remedy::Helm => false,
            Remedy::Allow(feature) => !allowed.allow(feature),
            Remedy::Change => true,
        };
        let problems: Vec<_> = self.problems.iter().filter(barred).cloned().collect();
        let chart = self.chart.clone();
        (!problems.is_empty()).then_some(Forbidden { chart, problems })
    }

    /// What the chart uses that had to be allowed.
    #[must_use]
    pub fn used(&self) -> Features {
        features(&self.problems)
    }
}

/// The chart may not be used, by no engine: every reason is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chart {chart} is refused: {}; {}", list(.problems), way_out(.problems))]
pub struct Forbidden {
    /// Name of the chart.
    pub chart: String,
    /// All problems, by file and line.
    pub problems: Vec<Problem>,
}

fn features(problems: &[Problem]) -> Features {
    let features = problems.iter().filter_map(|problem| match problem.remedy {
        Remedy::Allow(feature) => Some(feature),
        Remedy::Helm | Remedy::Change => None,
    });
    features.collect()
}

fn hint(problems: &[Problem]) -> String {
    if problems
        .iter()
        .all(|problem| problem.remedy == Remedy::Helm)
    {
        "use the helm engine or change the chart".to_owned()
    } else {
        way_out(problems)
    }
}

fn way_out(problems: &[Problem]) -> String {
    let features = features(problems);
    if features.is_empty() {
        return "change the chart".to_owned();
    }
    format!(
        "change the chart, or, if you know what it does, allow it with --chart-allow={features} (flashPod.chartAllow)"
    )
}

/// A place in a template that was being executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// File that holds the text, such as `flash-pod/templates/pod.yaml`; `gotpl` for text run by `tpl`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Byte offset in the line, from 0, as Helm counts columns.
    pub column: usize,
    /// Name of the template: the file, or the name given by `define`.
    pub template: String,
    /// The expression, as Go prints it.
    pub expression: String,
}

impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            template,
            expression,
        } = self;
        write!(
            formatter,
            "{file}:{line}:{column}: executing \"{template}\" at <{expression}>"
        )
    }
}

/// Bound of a rendering that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Templates within templates (`include`, `tpl`, `template`).
    Depth,
    /// Nested blocks, parentheses and templates together.
    Nesting,
    /// Evaluation steps.
    Steps,
    /// Bytes and elements produced.
    Size,
    /// Time, whatever was counted.
    Time,
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Depth => "templates include each other too deeply",
            Self::Nesting => "expressions and blocks are nested too deeply",
            Self::Steps => "the templates take too many steps",
            Self::Size => "the templates produce too much",
            Self::Time => "the templates take too long",
        })
    }
}

/// What kind of failure a [`RenderError`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderErrorKind {
    /// The chart said so: `fail` or `required`.
    Chart,
    /// Evaluation failed: a nil pointer, a wrong type, a function's error.
    Evaluation,
    /// The native engine does not have it, and Helm does: only the rendering met it.
    Unsupported,
    /// A bound of [`super::Limits`] was reached.
    Bound(Bound),
    /// The rendered text is not what Helm accepts: no YAML, or a hook that this engine does not run.
    Document,
    /// The chart does not accept this Kubernetes version.
    KubeVersion,
    /// The rendering thread could not be started or died.
    Internal,
}

/// A rendering failed. The frames lead from the file to the innermost expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// What kind of failure it is.
    pub kind: RenderErrorKind,
    /// What failed, worded as Helm words it where Helm has the same error.
    pub message: String,
    /// Where, outermost first; empty if no template was being executed.
    pub frames: Vec<Frame>,
}

impl std::error::Error for RenderError {}

impl RenderError {
    /// An error without a place.
    #[must_use]
    pub fn new(kind: RenderErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            frames: Vec::new(),
        }
    }

    pub(super) fn bound(bound: Bound) -> Self {
        Self::new(RenderErrorKind::Bound(bound), bound.to_string())
    }

    /// Adds the place from which the failing template was run.
    pub(super) fn within(mut self, frame: Frame) -> Self {
        // An endless recursion has hundreds of equal frames; the ends tell the story.
        if self.frames.len() >= 64 {
            self.frames.remove(1);
        }
        self.frames.insert(0, frame);
        self
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, frame) in self.frames.iter().enumerate() {
            // A helper that only fails on purpose is best known by the place that failed, as in Helm.
            let separator = if index + 1 == self.frames.len() {
                ": "
            } else {
                "\n  "
            };
            write!(formatter, "{frame}{separator}")?;
        }
        formatter.write_str(&self.message)
    }
}
