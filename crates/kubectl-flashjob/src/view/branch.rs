//! The branches of a job's tree: its step, what failed, what is in flight and what waits. Pure.

use flashjob_operator::{api::StepStatus, flashjob::plan::rollout::steps::place_of};
use jiff::Timestamp;

use super::{
    tree::{Branch, Leaf, Tree},
    tree_lines::Look,
};
use crate::show::{
    Canvas, Line, Tone, age,
    icon::{self, Icon},
};

/// Where the columns of the tree begin.
const STATE: usize = 36;
const AGE: usize = 53;
const INFO: usize = 60;

/// A node of the drawn tree. Its devices are drawn from what they are, and only where the window shows them: there may be thousands.
struct Node<'a> {
    icon: Icon,
    name: String,
    state: String,
    age: String,
    info: String,
    children: Vec<Node<'a>>,
    devices: &'a [Leaf],
}

impl Node<'_> {
    fn of(icon: Icon, name: impl Into<String>, state: impl Into<String>) -> Self {
        Self {
            icon,
            name: name.into(),
            state: state.into(),
            age: String::new(),
            info: String::new(),
            children: Vec::new(),
            devices: &[],
        }
    }
}

/// Draws the titles and the tree.
pub fn draw(tree: &Tree, look: Look, now: Timestamp, canvas: &mut Canvas) {
    canvas.put(|| {
        let mut titles = Line::of(Tone::Strong, "NAME");
        for (column, title) in [(STATE, "STATE"), (AGE, "AGE"), (INFO, "INFO")] {
            titles.pad(column);
            titles.add(Tone::Strong, title);
        }
        titles
    });
    Pen { look, now, canvas }.node(&root(tree, now), "", "");
}

fn root(tree: &Tree, now: Timestamp) -> Node<'_> {
    let job = &tree.job;
    let mut root = Node::of(job.icon(), &job.name, job.state());
    root.age = job.age(now);
    root.info = format!("{}/{}", job.done(), job.counts.selected);
    let branches = branches(tree);
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
                format!("Step {}", place_of(step)),
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

fn branches(tree: &Tree) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    for branch in &tree.failures {
        nodes.push(branch_node(icon::BAD, "Failed", branch));
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
        node.devices = &tree.in_flight;
        nodes.push(node);
    }
    for branch in &tree.waiting {
        nodes.push(branch_node(icon::PATIENT, "Waiting", branch));
    }
    for group in &tree.not_begun {
        let count = i64::try_from(group.devices).unwrap_or(i64::MAX);
        let name = format!("Not begun: {}", group.reason);
        nodes.push(Node::of(icon::PATIENT, name, devices(count)));
    }
    nodes
}

fn branch_node<'a>(icon: Icon, what: &str, branch: &'a Branch) -> Node<'a> {
    let name = format!("{what}: {}", branch.reason);
    let mut node = Node::of(icon, name, counted(&branch.devices));
    node.devices = &branch.devices;
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

/// The Pod of a device, while it is under way.
fn pod(device: &Leaf) -> Option<&String> {
    device.pod.as_ref().filter(|_| device.finished.is_none())
}

/// Draws nodes one below the other.
struct Pen<'a> {
    look: Look,
    now: Timestamp,
    canvas: &'a mut Canvas,
}

impl Pen<'_> {
    fn node(&mut self, node: &Node<'_>, before: &str, below: &str) {
        self.canvas.put(|| line(node, before, " "));
        let shown = node.devices.len().min(self.look.most);
        let hidden = node.devices.len() - shown;
        let mut left = node.children.len() + shown + usize::from(hidden > 0);
        let mut fork = || {
            left -= 1;
            if left == 0 {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            }
        };
        let join = |(branch, rest)| (format!("{below}{branch}"), format!("{below}{rest}"));
        for child in &node.children {
            let (before, below) = join(fork());
            self.node(child, &before, &below);
        }
        for device in &node.devices[..shown] {
            let rows = 1 + usize::from(self.look.wide) + usize::from(pod(device).is_some());
            if self.look.selected == Some(device.index) {
                self.canvas.mark(rows);
            }
            let fork = fork();
            if self.canvas.shows(rows) {
                let (before, below) = join(fork);
                self.device(node.icon, device, &before, &below);
            } else {
                self.canvas.skip(rows);
            }
        }
        if hidden > 0 {
            let words = format!("and {hidden} more; -o json has all");
            let (before, below) = join(fork());
            self.node(&Node::of(icon::PATIENT, words, ""), &before, &below);
        }
    }

    fn device(&mut self, icon: Icon, device: &Leaf, before: &str, below: &str) {
        let endpoint = device.endpoint.as_deref().unwrap_or("no endpoint");
        let name = format!("#{} {endpoint}", device.index);
        let mut node = Node::of(icon, name, &device.phase);
        let age = device.since.map(|since| age::of(since, self.now));
        node.age = age.unwrap_or_default();
        node.info.clone_from(&device.message);
        let pointer = if self.look.selected == Some(device.index) {
            "▸"
        } else {
            " "
        };
        self.canvas.put(|| line(&node, before, pointer));
        let uuid = self.look.wide.then(|| format!("UUID {}", device.uuid));
        let pod = pod(device).map(|pod| format!("Pod {pod}"));
        let facts: Vec<String> = uuid.into_iter().chain(pod).collect();
        for (number, fact) in facts.iter().enumerate() {
            let last = number + 1 == facts.len();
            let before = format!("{below}{}", if last { "└─" } else { "├─" });
            let sign = Icon { sign: "", ..icon };
            let node = Node::of(sign, fact, "");
            self.canvas.put(|| line(&node, &before, " "));
        }
    }
}

fn line(node: &Node<'_>, before: &str, pointer: &str) -> Line {
    let mut line = Line::of(Tone::Faint, before);
    line.add(node.icon.tone, node.icon.sign);
    line.add(Tone::Plain, pointer);
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
    line
}
