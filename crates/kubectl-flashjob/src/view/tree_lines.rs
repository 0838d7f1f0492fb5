//! The lines of a job's tree. Pure.

use flashjob_operator::flashjob::{explain::span, plan::rollout::steps::approvers};
use jiff::Timestamp;

use super::{branch, tree::Tree};
use crate::show::{Canvas, Line, Tone, progress::bar, wrap};

/// Columns of the job's bar.
const BAR: usize = 20;
/// Most devices of one branch that are shown.
const MOST: usize = 10;

/// How a tree is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// With UUIDs.
    pub wide: bool,
    /// Columns into which sentences are wrapped.
    pub columns: usize,
    /// Most devices of one branch that are shown.
    pub most: usize,
    /// Index of the device in flight that is pointed at.
    pub selected: Option<i64>,
}

impl Look {
    /// On paper: a few devices of each branch stand for all.
    pub fn of(wide: bool, columns: usize) -> Self {
        Self {
            wide,
            columns,
            most: MOST,
            selected: None,
        }
    }
}

/// What is shown of a job: a head, the tree, what comes next, and what a person can do.
pub fn lines(tree: &Tree, look: Look, now: Timestamp) -> Vec<Line> {
    let mut canvas = Canvas::whole();
    draw(tree, look, now, &mut canvas);
    canvas.into_lines()
}

/// The same on a canvas.
pub fn draw(tree: &Tree, look: Look, now: Timestamp, canvas: &mut Canvas) {
    for line in head(tree, look.columns) {
        canvas.put(|| line);
    }
    canvas.put(Line::default);
    branch::draw(tree, look, now, canvas);
    for line in tail(tree, look.columns) {
        canvas.put(|| line);
    }
}

fn tail(tree: &Tree, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if !tree.next.is_empty() {
        lines.extend([Line::default(), Line::of(Tone::Strong, "Next")]);
        for next in &tree.next {
            let at = next.at.as_ref().map(|at| format!("{at}  "));
            let words = format!("{}{}", at.unwrap_or_default(), next.what);
            lines.extend(wrap(&words, columns, "  "));
        }
    }
    if !tree.advice.is_empty() {
        lines.extend([Line::default(), Line::of(Tone::Strong, "What you can do")]);
        for advice in &tree.advice {
            lines.push(Line::of(Tone::Faint, &format!("  {}:", advice.why)));
            lines.push(Line::command(&format!("    {}", advice.command)));
        }
    }
    lines
}

fn labelled(name: &str, value: Line) -> Line {
    let mut line = Line::of(Tone::Faint, &format!("  {name:<10}"));
    line.append(value);
    line
}

fn head(tree: &Tree, columns: usize) -> Vec<Line> {
    let job = &tree.job;
    let icon = job.icon();
    let mut title = Line::of(
        Tone::Strong,
        &format!("FlashJob {}/{}  ", job.namespace, job.name),
    );
    title.add(icon.tone, &format!("{} {}", icon.sign, job.state()));
    let mut lines = vec![title];
    let mut field = |name: &str, value: Line| lines.push(labelled(name, value));
    let mut firmware = format!("{}, version {}", job.firmware, job.version);
    if let Some(round) = job.round.filter(|round| *round > 1) {
        firmware = format!("{firmware}, round {round}");
    }
    field("Firmware", Line::of(Tone::Plain, &firmware));
    if let Some(class) = &job.flash_class {
        field("Class", Line::of(Tone::Plain, class));
    }
    let (done, all) = (job.done(), job.counts.selected);
    let mut progress = Line::of(icon.tone, &bar(done, all, BAR));
    progress.add(Tone::Plain, &format!("  {done}/{all}"));
    if job.counts.failed > 0 {
        progress.add(Tone::Bad, &format!(", {} failed", job.counts.failed));
    }
    if let Some(seconds) = job.seconds_left {
        let of_flashing = if job.step.is_some() {
            " of flashing"
        } else {
            ""
        };
        let words = format!(", about {}{of_flashing} left", span(seconds));
        progress.add(Tone::Plain, &words);
    }
    field("Devices", progress);
    if job.outdated && job.phase.is_some() {
        let words = "the spec was changed; the operator has not looked at it yet";
        field("Status", Line::of(Tone::Patient, words));
    }
    let people = job.step.as_ref().and_then(approvers);
    let prose = [
        ("Approved", people.as_deref()),
        ("Message", job.message.as_deref()),
    ];
    for (name, text) in prose
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
    {
        let mut wrapped = wrap(text, columns, "            ").into_iter();
        if let Some(first) = wrapped.next() {
            lines.push(labelled(
                name,
                Line::of(Tone::Plain, first.text().trim_start()),
            ));
        }
        lines.extend(wrapped);
    }
    lines
}

#[cfg(test)]
#[path = "tree_lines_tests.rs"]
mod tests;
