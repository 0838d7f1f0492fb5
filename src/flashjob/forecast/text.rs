//! A forecast as text for a terminal. Pure.

use super::{
    Answer, Duration, Failures, Fate, FirmwareForecast, Forecast, LimitForecast, Prospect,
    StepForecast,
};
use crate::{
    display,
    flashjob::explain::{heading, line, span},
};

/// Widest name of a step.
const NAME: usize = 16;
/// Most steps that are told one by one: as many as a job may list, so that only repetitions are left out.
const STEPS: usize = 20;
/// Most limits that are told one by one.
const LIMITS: usize = 20;

/// The forecast, as text.
#[must_use]
pub fn text(of: &Forecast) -> String {
    let mut text = String::new();
    let title = format!(
        "FlashJob {}/{}: {}, in {}",
        of.namespace,
        of.job,
        devices(of.devices.len()),
        match of.steps.len() {
            0 | 1 => "one go".to_owned(),
            steps => format!("{steps} steps"),
        }
    );
    line(&mut text, &title);
    line(
        &mut text,
        &format!("Firmware {}, version {}", of.firmware, of.version),
    );
    if let Some(image) = &of.image {
        firmware_words(&mut text, image);
    }
    if of.exists {
        let words = match of.current_round {
            Some(round) => format!(
                "It exists already, in round {round} with this very firmware: to apply the file opens no other round. This is what a \
                 new round of it would do."
            ),
            None => "It exists already; this is what a new round of it would do.".to_owned(),
        };
        line(&mut text, &words);
    }
    if !of.classes.is_empty() {
        line(&mut text, &format!("Class {}", of.classes.join(", ")));
    }
    whole(&mut text, of);
    if !of.steps.is_empty() {
        heading(&mut text, "Steps");
        for step in of.steps.iter().take(STEPS) {
            line(&mut text, &format!("  {}", step_words(step)));
        }
        let more = of.steps.len().saturating_sub(STEPS);
        if more > 0 {
            let words = format!(
                "and {more} more repetitions, to {} in all",
                devices(of.devices.len())
            );
            line(&mut text, &format!("  {words}"));
        }
    }
    list(
        &mut text,
        "Refused before anything is created for them",
        of,
        Fate::Refused,
    );
    list(
        &mut text,
        "Not flashed because it is not needed",
        of,
        Fate::Skipped,
    );
    let title = if of.may_be_discovered() {
        "Not among what you may read: whether they are discovered is not known"
    } else {
        "Not discovered now"
    };
    list(&mut text, title, of, Fate::Awaited);
    heading(&mut text, "Devices, in order");
    for device in &of.devices {
        line(
            &mut text,
            &format!("  {}", device_words(device, of.steps.len() > 1)),
        );
    }
    line(&mut text, "");
    for words in failure_words(&of.failures, of.devices.len()) {
        line(&mut text, &words);
    }
    line(&mut text, &duration_words(&of.duration));
    unsure(&mut text, of);
    text
}

/// How long it takes, in sentences.
#[must_use]
pub fn duration_words(duration: &Duration) -> String {
    if duration.seconds_at_most == 0 {
        return "Nothing of it is flashed.".to_owned();
    }
    format!(
        "It takes at most {} with {} at a time. Counted: {}. Not counted: {}.",
        span(duration.seconds_at_most),
        devices(duration.in_flight),
        duration.counted.join("; "),
        duration.not_counted.join("; ")
    )
}

/// The image of the firmware, and what is wrong with it.
fn firmware_words(text: &mut String, image: &FirmwareForecast) {
    if let Some(digest) = &image.digest {
        let kinds = match image.platforms.as_slice() {
            [] => "for every kind of device".to_owned(),
            kinds => format!("for {}", kinds.join(", ")),
        };
        line(text, &format!("  which is {digest} now, {}", prose(&kinds)));
    }
    if let Some(pinned) = &image.pinned {
        let words = "A tag can come to mean another image. To flash this one and no other, write";
        line(text, &format!("  {words} spec.firmware: {pinned}"));
    }
    if let Some(signer) = &image.signer {
        line(text, &format!("  Signed by {}", prose(signer)));
    }
    if let Some(unverified) = &image.unverified {
        let words = format!("A class warns of it: {}", unverified.message);
        line(text, &format!("  {}", prose(&words)));
    }
    if let Some(unknown) = &image.unknown {
        let words = format!("which image that is, is not known here: {unknown}");
        line(text, &format!("  {}", prose(&words)));
    }
    if let Some(refusal) = &image.refusal {
        heading(text, "Flashes would fail for their firmware");
        let words = prose(&refusal.message);
        line(text, &format!("  {}: {words}", refusal.reason));
    }
}

/// Says last how far the answer goes.
fn unsure(text: &mut String, of: &Forecast) {
    if of.answer() == Answer::CannotTell {
        line(
            text,
            "Nothing that can be seen stops it. What could not be seen may.",
        );
    }
}

/// What is said of the job as a whole: what stops it, what it leaves out, what takes turns.
fn whole(text: &mut String, of: &Forecast) {
    if !of.not_seen.is_empty() {
        heading(text, "Not seen, and so not told");
        for one in &of.not_seen {
            line(text, &format!("  {}", prose(&one.message)));
        }
    }
    if let Some(refusal) = &of.refusal {
        heading(text, "Nothing of it would start");
        let words = prose(&refusal.message);
        line(text, &format!("  {}: {words}", refusal.reason));
    }
    if let Some(waits) = &of.waits {
        heading(text, "Nothing of it would start now");
        line(text, &format!("  {}: {}", waits.reason, waits.message));
    }
    if let Some(left_out) = &of.not_selectable {
        let shown = left_out.examples.len();
        heading(
            text,
            "Meant by spec.deviceSelector, but not selected: they cannot be flashed",
        );
        for example in &left_out.examples {
            line(text, &format!("  {example}"));
        }
        let more = usize::try_from(left_out.count).unwrap_or(usize::MAX);
        if more > shown {
            line(text, &format!("  and {} more", more - shown));
        }
    }
    if !of.limits.is_empty() {
        heading(
            text,
            "Devices that take turns, for what they share is limited",
        );
        for limit in of.limits.iter().take(LIMITS) {
            line(text, &format!("  {}", limit_words(limit)));
        }
        let more = of.limits.len().saturating_sub(LIMITS);
        if more > 0 {
            line(text, &format!("  and {more} more groups"));
        }
    }
}

fn prose(message: &str) -> std::borrow::Cow<'_, str> {
    display::prose(message, display::LINE)
}

fn devices(count: usize) -> String {
    match count {
        1 => "1 device".into(),
        _ => format!("{count} devices"),
    }
}

fn limit_words(limit: &LimitForecast) -> String {
    format!(
        "{} {}: at most {} in flight, over all FlashJobs (FlashClass {})",
        devices(limit.devices),
        limit.group,
        limit.max,
        limit.flash_class
    )
}

fn step_words(step: &StepForecast) -> String {
    let name: String = step
        .name
        .as_deref()
        .unwrap_or("-")
        .chars()
        .take(NAME)
        .collect();
    if step.total == 0 && step.require_approval {
        let words = "an approval, before the first device is flashed";
        return format!("{}  {name:<NAME$}  {words}", step.number);
    }
    let mut parts = vec![format!("{}, {} in all", devices(step.devices), step.total)];
    if let Some(limit) = step.max_failed_devices {
        parts.push(format!("{limit} may fail"));
    }
    if step.foreseen > 0 {
        let is_or_are = if step.foreseen == 1 { "is" } else { "are" };
        parts.push(format!("{} {is_or_are} refused beforehand", step.foreseen));
    }
    if step.seconds_at_most > 0 {
        parts.push(format!("at most {}", span(step.seconds_at_most)));
    } else {
        parts.push("nothing to flash".into());
    }
    if step.soak_seconds > 0 {
        parts.push(format!("then {} of watching", span(step.soak_seconds)));
    }
    if step.require_approval {
        parts.push("then an approval".into());
    }
    format!("{}  {name:<NAME$}  {}", step.number, parts.join(", "))
}

fn list(text: &mut String, title: &str, of: &Forecast, fate: Fate) {
    let mut some = of
        .devices
        .iter()
        .filter(|device| device.fate == fate)
        .peekable();
    if some.peek().is_none() {
        return;
    }
    heading(text, title);
    for device in some {
        line(
            text,
            &format!(
                "  {:>6}  {}  {}: {}",
                device.index,
                device.selected.uuid,
                device.reason.as_deref().unwrap_or("-"),
                prose(device.message.as_deref().unwrap_or_default())
            ),
        );
    }
}

fn device_words(device: &Prospect, steps: bool) -> String {
    let selected = &device.selected;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let step = if steps {
        format!("  step {}", device.step)
    } else {
        String::new()
    };
    let fate = match device.fate {
        Fate::Flashed => "",
        Fate::Awaited => "  not discovered",
        Fate::Skipped => "  skipped",
        Fate::Refused => "  refused",
    };
    format!(
        "{:>6}  {}  {:<21}  {}  {}{step}{fate}",
        device.index,
        selected.uuid,
        or_dash(&selected.endpoint),
        or_dash(&selected.device_type),
        or_dash(&selected.version)
    )
}

fn failure_words(failures: &Failures, selected: usize) -> Vec<String> {
    let most = if failures.at_most >= selected && failures.max_failed_devices.is_none() {
        "Nothing stops the job however many devices fail: give it steps, or maxFailedDevices."
            .to_owned()
    } else {
        format!(
            "At most {} can fail before the job stops, those in flight at that moment included.",
            devices(failures.at_most)
        )
    };
    let stops = failures.stops_at.as_ref().map(|what| {
        format!(
            "The job would stop by what is refused alone: {} of {what}.",
            devices(failures.foreseen)
        )
    });
    std::iter::once(most).chain(stops).collect()
}
