//! An explanation as text for a terminal. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Advice, DeviceExplanation, DeviceLine, Explanation, MOST_LISTED};
use crate::{
    display,
    flashjob::plan::rollout::steps::{approvers, place_of},
};

/// A job, as text.
#[must_use]
pub fn job_text(of: &Explanation) -> String {
    let mut text = String::new();
    let title = format!("FlashJob {}/{}: {}", of.namespace, of.job, state(of));
    line(&mut text, &title);
    if let Some(message) = of.message.as_deref().filter(|message| !message.is_empty()) {
        line(&mut text, &format!("  {message}"));
    }
    if let Some(draining) = &of.draining {
        line(&mut text, &format!("  It is being deleted: {draining}"));
    }
    if of.outdated && of.phase.is_some() {
        line(
            &mut text,
            "  The spec was changed since; the operator has not looked at it yet.",
        );
    }
    line(&mut text, "");
    head(&mut text, of);
    section(&mut text, "In flight", &of.in_flight, of.time);
    section(&mut text, "Waiting", &of.waiting, of.time);
    if !of.not_begun.is_empty() {
        heading(&mut text, "Not begun");
        for group in &of.not_begun {
            let until = until(group.until, of.time);
            let words = format!("{}: {}{until}", group.reason, group.message);
            line(&mut text, &format!("  {:>6}  {words}", group.devices));
        }
    }
    section(&mut text, "Failed", &of.failed, of.time);
    if !of.next.is_empty() {
        heading(&mut text, "Next");
        for next in &of.next {
            let at = next.at.map(|at| format!("{}: ", moment(at, of.time)));
            line(
                &mut text,
                &format!("  {}{}", at.unwrap_or_default(), next.what),
            );
        }
    }
    commands(&mut text, &of.advice);
    text
}

/// A device, as text.
#[must_use]
pub fn device_text(of: &DeviceExplanation) -> String {
    let mut text = String::new();
    let title = format!(
        "Device {} of FlashJob {}/{}: {} ({})",
        of.uuid, of.namespace, of.job, of.phase, of.reason
    );
    line(&mut text, &title);
    if !of.message.is_empty() {
        line(&mut text, &format!("  {}", of.message));
    }
    line(&mut text, "");
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line(&mut text, &format!("{name:<14}{value}"));
        }
    };
    field("Index", of.index.map(|index| index.to_string()));
    let selected = of.selected.as_ref();
    field(
        "Endpoint",
        selected.and_then(|device| device.endpoint.clone()),
    );
    field(
        "Type",
        selected.and_then(|device| device.device_type.clone()),
    );
    field(
        "Application",
        selected.and_then(|device| device.application_type.clone()),
    );
    let present = of.present.as_ref().map(|present| {
        let version = present.version.as_deref().unwrap_or("no version");
        let known = if present.uuid == of.uuid {
            String::new()
        } else {
            format!(", now with the uid {}", present.uuid)
        };
        format!("{} reports {version}{known}", present.instance)
    });
    field("Instance", present);
    let versions = match (&of.from_version, &of.to_version) {
        (Some(from), Some(to)) => Some(format!("{from} before, {to} after the flash")),
        (Some(from), None) => Some(format!("{from} before the flash")),
        (None, to) => to.clone(),
    };
    field("Version", versions);
    field("Attempts", of.attempts.map(|attempts| attempts.to_string()));
    field("Release", of.release.clone());
    field("Pod", of.pod.clone());
    field("Began", of.start_time.map(|at| moment(at, of.time)));
    field("Ended", of.completion_time.map(|at| moment(at, of.time)));
    field("Goes on", of.next_time.map(|at| moment(at, of.time)));
    if let Some(tail) = &of.log_tail {
        heading(&mut text, "End of the log");
        for words in tail.lines() {
            line(&mut text, &format!("  {words}"));
        }
    }
    commands(&mut text, &of.advice);
    text
}

fn state(of: &Explanation) -> String {
    let phase = of.phase.as_deref().unwrap_or("not looked at yet");
    let reason = of
        .reason
        .as_deref()
        .filter(|reason| *reason != phase)
        .map(|reason| format!(" ({reason})"));
    let deleting = if of.deleting { ", being deleted" } else { "" };
    format!("{phase}{}{deleting}", reason.unwrap_or_default())
}

fn head(text: &mut String, of: &Explanation) {
    if let Some(round) = &of.round {
        let words = format!(
            "Round {}: firmware {}, version {}",
            round.number, round.firmware, round.version
        );
        line(text, &words);
    }
    if let Some(class) = &of.class {
        let mut words = format!("Class {}", class.name);
        if class.suspended {
            words.push_str(": suspended, nothing new of its jobs starts");
        } else if let Some(refused) = &class.refused {
            let _ = write!(words, ": cannot be used: {refused}");
        } else if !class.readable {
            words.push_str(": it does not exist, or you may not read it");
        }
        line(text, &words);
    }
    if let Some(step) = &of.step {
        let mut words = format!(
            "Step {}: {}, {} of {} devices final, {} failed",
            place_of(step),
            // The last step is not looked at again once everything of it is final.
            if of.finished_at.is_some() {
                "Ended"
            } else {
                step.state.as_str()
            },
            step.done,
            step.devices,
            step.failed
        );
        if let Some(ends) = &step.ends_at {
            let _ = write!(words, ", until {}", moment(ends.0, of.time));
        }
        if let Some(people) = approvers(step) {
            words.extend([", approved ", &people]);
        }
        line(text, &words);
    }
    let counts = of.counts;
    let parts = [
        ("in flight", counts.in_flight),
        ("verifying", counts.verifying),
        ("waiting", counts.waiting),
        ("pending", counts.pending),
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let parts = if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join(", "))
    };
    line(text, &format!("Devices {}{parts}", counts.selected));
    if let Some(at) = of.finished_at {
        line(text, &format!("Finished {}", moment(at, of.time)));
    }
}

fn section(text: &mut String, title: &str, devices: &[DeviceLine], now: Timestamp) {
    if devices.is_empty() {
        return;
    }
    heading(text, title);
    for device in devices.iter().take(MOST_LISTED) {
        let endpoint = device.endpoint.as_deref().unwrap_or("unknown endpoint");
        let words = format!(
            "  {:>6}  {}  {endpoint}  {}",
            device.index, device.uuid, device.phase
        );
        line(text, &words);
        let times = match (device.ended, device.until, device.since) {
            (Some(at), ..) => format!("; {}", moment(at, now)),
            (None, Some(at), _) => format!("; until {}", moment(at, now)),
            (None, None, Some(at)) => format!("; since {}", moment(at, now)),
            (None, None, None) => String::new(),
        };
        let message = if device.message.is_empty() {
            String::new()
        } else {
            format!(": {}", device.message)
        };
        let words = format!("{}{message}{times}", device.reason);
        line(text, &format!("          {words}"));
    }
    if devices.len() > MOST_LISTED {
        let more = devices.len() - MOST_LISTED;
        line(
            text,
            &format!("          and {more} more: -o json shows all"),
        );
    }
}

fn until(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(String::new, |at| format!("; until {}", moment(at, now)))
}

fn commands(text: &mut String, advice: &[Advice]) {
    if advice.is_empty() {
        return;
    }
    heading(text, "What you can do");
    for advice in advice {
        line(text, &format!("  {}:", advice.why));
        line(text, &format!("    {}", advice.command));
    }
}

/// A time and how far it is.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let at = at.strftime("%FT%TZ");
    if seconds > 0 {
        format!("{at} (in {})", span(seconds))
    } else {
        format!("{at} ({} ago)", span(-seconds))
    }
}

/// Seconds in the two largest units that they have.
#[must_use]
pub fn span(seconds: i64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut rest = seconds.max(0);
    let mut parts = Vec::new();
    for (unit, size) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() {
        return "0 s".into();
    }
    parts.join(" ")
}

/// An empty line, and a title that is the operator's own.
pub(crate) fn heading(text: &mut String, title: &str) {
    text.push('\n');
    line(text, title);
}

/// One line without blanks at its end, whatever others wrote into it.
pub(crate) fn line(text: &mut String, words: &str) {
    text.push_str(&display::line(words.trim_end(), display::LINE));
    text.push('\n');
}
