//! The lines of a job's tree. Pure.

use flashjob_operator::{
    api::StepStatus,
    flashjob::{explain::span, plan::rollout::steps::title},
};
use jiff::Timestamp;

use super::tree::{Branch, Leaf, Tree};
use crate::show::{
    Line, Tone, age,
    icon::{self, Icon},
    progress::bar,
    wrap,
};

/// Columns of the job's bar.
const BAR: usize = 20;
/// Most devices of one branch that are shown.
const MOST: usize = 10;
/// Where the columns of the tree begin.
const STATE: usize = 36;
const AGE: usize = 53;
const INFO: usize = 60;

/// A node of the drawn tree.
struct Node {
    icon: Icon,
    name: String,
    state: String,
    age: String,
    info: String,
    children: Vec<Node>,
}

impl Node {
    fn of(icon: Icon, name: impl Into<String>, state: impl Into<String>) -> Self {
        Self {
            icon,
            name: name.into(),
            state: state.into(),
            age: String::new(),
            info: String::new(),
            children: Vec::new(),
        }
    }
}

/// What is shown of a job: a head, the tree, what comes next, and what a person can do. Sentences are wrapped to so many columns.
pub fn lines(tree: &Tree, wide: bool, columns: usize, now: Timestamp) -> Vec<Line> {
    let mut lines = head(tree, columns);
    lines.push(Line::default());
    let mut titles = Line::of(Tone::Strong, "NAME");
    for (column, title) in [(STATE, "STATE"), (AGE, "AGE"), (INFO, "INFO")] {
        titles.pad(column);
        titles.add(Tone::Strong, title);
    }
    lines.push(titles);
    draw(&root(tree, wide, now), "", "", &mut lines);
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

fn head(tree: &Tree, columns: usize) -> Vec<Line> {
    let job = &tree.job;
    let icon = job.icon();
    let mut title = Line::of(
        Tone::Strong,
        &format!("FlashJob {}/{}  ", job.namespace, job.name),
    );
    title.add(icon.tone, &format!("{} {}", icon.sign, job.state()));
    let mut lines = vec![title];
    let mut field = |name: &str, value: Line| {
        let mut line = Line::of(Tone::Faint, &format!("  {name:<10}"));
        line.append(value);
        lines.push(line);
    };
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
    if let Some(message) = &job.message {
        let mut wrapped = wrap(message, columns, "            ").into_iter();
        if let Some(first) = wrapped.next() {
            field("Message", Line::of(Tone::Plain, first.text().trim_start()));
        }
        lines.extend(wrapped);
    }
    lines
}

fn root(tree: &Tree, wide: bool, now: Timestamp) -> Node {
    let job = &tree.job;
    let mut root = Node::of(job.icon(), &job.name, job.state());
    root.age = job.age(now);
    root.info = format!("{}/{}", job.done(), job.counts.selected);
    let branches = branches(tree, wide, now);
    match &job.step {
        Some(step) => root.children.push(Node {
            age: step
                .since
                .as_ref()
                .map_or_else(String::new, |since| age::of(since.0, now)),
            info: of_step(step),
            children: branches,
            ..Node::of(
                job.icon(),
                format!("Step {} of {}", title(step), step.of),
                step_state(tree, step),
            )
        }),
        None => root.children = branches,
    }
    root
}

fn of_step(step: &StepStatus) -> String {
    match step.failed {
        0 => format!("{}/{}", step.done, step.devices),
        failed => format!("{}/{}, {failed} failed", step.done, step.devices),
    }
}

/// The last step is not looked at again once everything of it is final.
fn step_state(tree: &Tree, step: &StepStatus) -> String {
    if tree.job.finished.is_some() {
        "Ended".to_owned()
    } else {
        step.state.to_string()
    }
}

fn branches(tree: &Tree, wide: bool, now: Timestamp) -> Vec<Node> {
    let mut nodes = Vec::new();
    for branch in &tree.failures {
        nodes.push(branch_node(icon::BAD, "Failed", branch, wide, now));
    }
    if tree.failed_unlisted > 0 {
        let name = if tree.failures.is_empty() {
            "Failed"
        } else {
            "Failed: others"
        };
        let mut node = Node::of(icon::BAD, name, devices(tree.failed_unlisted));
        node.info.push_str("not in the status");
        nodes.push(node);
    }
    if !tree.in_flight.is_empty() {
        let mut node = Node::of(icon::BUSY, "In flight", counted(&tree.in_flight));
        node.children = leaves(icon::BUSY, &tree.in_flight, wide, now);
        nodes.push(node);
    }
    for branch in &tree.waiting {
        nodes.push(branch_node(icon::PATIENT, "Waiting", branch, wide, now));
    }
    for group in &tree.not_begun {
        let count = i64::try_from(group.devices).unwrap_or(i64::MAX);
        let name = format!("Not begun: {}", group.reason);
        nodes.push(Node::of(icon::PATIENT, name, devices(count)));
    }
    nodes
}

fn branch_node(icon: Icon, what: &str, branch: &Branch, wide: bool, now: Timestamp) -> Node {
    let name = format!("{what}: {}", branch.reason);
    let mut node = Node::of(icon, name, counted(&branch.devices));
    node.children = leaves(icon, &branch.devices, wide, now);
    node
}

fn counted(leaves: &[Leaf]) -> String {
    devices(i64::try_from(leaves.len()).unwrap_or(i64::MAX))
}

fn devices(count: i64) -> String {
    match count {
        1 => "1 device".to_owned(),
        _ => format!("{count} devices"),
    }
}

fn leaves(icon: Icon, devices: &[Leaf], wide: bool, now: Timestamp) -> Vec<Node> {
    let mut nodes: Vec<Node> = devices
        .iter()
        .take(MOST)
        .map(|device| leaf(icon, device, wide, now))
        .collect();
    if devices.len() > MOST {
        let words = format!("and {} more; -o json has all", devices.len() - MOST);
        nodes.push(Node::of(icon::PATIENT, words, ""));
    }
    nodes
}

fn leaf(icon: Icon, device: &Leaf, wide: bool, now: Timestamp) -> Node {
    let endpoint = device.endpoint.as_deref().unwrap_or("no endpoint");
    let name = format!("#{} {endpoint}", device.index);
    let mut node = Node::of(icon, name, &device.phase);
    node.age = device
        .since
        .map_or_else(String::new, |since| age::of(since, now));
    node.info.clone_from(&device.message);
    if wide {
        node.children.push(Node::of(
            Icon {
                sign: "",
                ..icon::PATIENT
            },
            format!("UUID {}", device.uuid),
            "",
        ));
    }
    if let Some(pod) = device.pod.as_ref().filter(|_| device.finished.is_none()) {
        let sign = Icon { sign: "", ..icon };
        node.children.push(Node::of(sign, format!("Pod {pod}"), ""));
    }
    node
}

fn draw(node: &Node, before: &str, below: &str, lines: &mut Vec<Line>) {
    let mut line = Line::of(Tone::Faint, before);
    line.add(node.icon.tone, node.icon.sign);
    line.add(Tone::Plain, " ");
    line.add(Tone::Plain, &node.name);
    let cells = [(STATE, &node.state), (AGE, &node.age), (INFO, &node.info)];
    for (column, text) in cells {
        if !text.is_empty() {
            // A name that is longer than its column moves what follows it.
            line.add(Tone::Plain, if line.width() >= column { "  " } else { "" });
            line.pad(column);
            line.add(Tone::Plain, text);
        }
    }
    lines.push(line);
    let last = node.children.len().saturating_sub(1);
    for (number, child) in node.children.iter().enumerate() {
        let (branch, rest) = if number == last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        let (before, below) = (format!("{below}{branch}"), format!("{below}{rest}"));
        draw(child, &before, &below, lines);
    }
}

#[cfg(test)]
#[path = "tree_lines_tests.rs"]
mod tests;
