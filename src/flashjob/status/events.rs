//! Which events follow when a stored status replaces another. Pure; published by `context`.

use crate::api::{ConditionType, DevicePhase, DeviceStatus, FlashJobStatus, Reason, Word};
use crate::{
    api::conditions,
    flashjob::{
        observe::stored,
        status::rollout_events::{Told, told},
    },
};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What it is about, besides the job.
    pub about: About,
    /// Somebody should look at it.
    pub warning: bool,
    /// In one word.
    pub reason: &'static str,
    /// In words.
    pub note: String,
}

/// What an event of a job is about; events about several of them stay apart by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The job and nothing else.
    Job,
    /// The device with this UUID.
    Device(String),
    /// The step with this id.
    Step(String),
}

impl From<Told> for News {
    fn from(told: Told) -> Self {
        Self {
            about: told.step.map_or(About::Job, About::Step),
            warning: told.warning,
            reason: told.reason.as_str(),
            note: told.note,
        }
    }
}

/// What is news in `now` after `before`.
#[must_use]
pub fn news(before: &FlashJobStatus, now: &FlashJobStatus) -> Vec<News> {
    let of_devices = now.devices.iter().flat_map(|device| {
        let mut known = before.devices.iter();
        of_device(known.find(|known| known.index == device.index), device)
    });
    let of_pace = told(before, now).into_iter().map(News::from);
    let ends = of_conditions(before, now);
    let missing = of_missing(before, now);
    of_devices
        .chain(of_pace)
        .chain(missing)
        .chain(ends)
        .collect()
}

/// Akri has not discovered a device that the job names: said once for all of them, for there may be thousands.
fn of_missing(before: &FlashJobStatus, now: &FlashJobStatus) -> Option<News> {
    let is_missing = |device: &&DeviceStatus| {
        device.is_for(Reason::DeviceNotFound) && device.is(DevicePhase::Pending)
    };
    let device = now.devices.iter().find(is_missing)?;
    if before.devices.iter().any(|device| is_missing(&device)) {
        return None;
    }
    let message = device.message.as_deref().unwrap_or_default();
    let more = match now.devices.iter().filter(is_missing).count() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(News {
        about: About::Job,
        warning: true,
        reason: Reason::DeviceNotFound.as_str(),
        note: format!(
            "device {} ({}) is not discovered by Akri yet{more}: {message}",
            device.index, device.uuid
        ),
    })
}

/// What is news of a device that is listed, and was listed like `before`, if at all.
fn of_device(before: Option<&DeviceStatus>, now: &DeviceStatus) -> Vec<News> {
    let message = now.message.clone().unwrap_or_default();
    let named = format!("device {} ({}): {message}", now.index, now.uuid);
    let reason = stored::reason(now);
    let warning = |reason, note| News {
        about: About::Device(now.uuid.clone()),
        warning: true,
        reason,
        note,
    };
    let mut news = Vec::new();
    if begins(before, now, |device| device.is(DevicePhase::Failed)) {
        let reason = reason.map_or("DeviceFailed", Reason::as_str);
        news.push(warning(reason, named));
    } else if is_tried_again(before, now) || begins(before, now, succeeded_unexpectedly) {
        let reason = reason.map_or("DeviceChanged", Reason::as_str);
        news.push(warning(reason, named));
    }
    let foreign = Reason::ForeignRevision;
    if begins(before, now, |device| device.is_for(foreign)) {
        news.push(warning(foreign.as_str(), message));
    }
    news
}

fn begins(
    before: Option<&DeviceStatus>,
    now: &DeviceStatus,
    holds: impl Fn(&DeviceStatus) -> bool,
) -> bool {
    holds(now) && !before.is_some_and(holds)
}

/// An attempt failed, and the device waits for another.
fn is_tried_again(before: Option<&DeviceStatus>, now: &DeviceStatus) -> bool {
    let failures = before.map_or(0, |known| known.earlier_failures.len());
    now.is(DevicePhase::Waiting) && now.earlier_failures.len() > failures
}

/// It counts as flashed, though what was read back is not what was expected.
fn succeeded_unexpectedly(device: &DeviceStatus) -> bool {
    let mut unexpected = [Reason::VersionMismatch, Reason::NotSeen].iter();
    device.is(DevicePhase::Succeeded) && unexpected.any(|reason| device.is_for(*reason))
}

/// How the job ends, and that it cannot go on.
fn of_conditions(before: &FlashJobStatus, now: &FlashJobStatus) -> Vec<News> {
    let holds = |status: &FlashJobStatus, kind| conditions::holds(&status.conditions, kind);
    // A job that failed is stalled, too: said once.
    let end = if holds(now, ConditionType::Failed) {
        [ConditionType::Complete, ConditionType::Failed]
    } else {
        [ConditionType::Complete, ConditionType::Stalled]
    };
    let message = now.message.as_deref().unwrap_or_default();
    let reason = now.reason.as_ref().map_or("", Word::as_str);
    let begun = end
        .into_iter()
        .filter(|kind| holds(now, *kind) && !holds(before, *kind));
    begun
        .map(|kind| News {
            about: About::Job,
            warning: kind != ConditionType::Complete,
            reason: kind.as_str(),
            note: format!("{reason}: {message}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{api::conditions::set, flashjob::fixtures::at};

    fn device(phase: DevicePhase, reason: Option<Reason>, failures: usize) -> DeviceStatus {
        DeviceStatus {
            index: 3,
            uuid: "uuid-3".into(),
            phase: phase.as_str().into(),
            reason: reason.map(|reason| reason.as_str().into()),
            message: Some("why".into()),
            earlier_failures: vec!["FlashFailed".into(); failures],
            ..DeviceStatus::default()
        }
    }

    #[rstest]
    #[case::a_failure(None, device(DevicePhase::Failed, Some(Reason::FlashFailed), 0), &["FlashFailed"])]
    #[case::one_that_is_known(Some(device(DevicePhase::Failed, None, 0)), device(DevicePhase::Failed, None, 0), &[])]
    #[case::one_without_a_word(None, device(DevicePhase::Failed, None, 0), &["DeviceFailed"])]
    #[case::one_after_a_flash(Some(device(DevicePhase::Flashing, None, 0)), device(DevicePhase::Failed, Some(Reason::Interrupted), 0), &["Interrupted"])]
    #[case::another_attempt(None, device(DevicePhase::Waiting, Some(Reason::FlashFailed), 1), &["FlashFailed"])]
    #[case::one_more(Some(device(DevicePhase::Waiting, None, 1)), device(DevicePhase::Waiting, None, 2), &["DeviceChanged"])]
    #[case::the_same_one(Some(device(DevicePhase::Waiting, None, 1)), device(DevicePhase::Waiting, None, 1), &[])]
    #[case::a_wait(None, device(DevicePhase::Waiting, Some(Reason::ApiError), 0), &[])]
    #[case::another_version(None, device(DevicePhase::Succeeded, Some(Reason::VersionMismatch), 0), &["VersionMismatch"])]
    #[case::another_version_as_before(
        Some(device(DevicePhase::Succeeded, Some(Reason::NotSeen), 0)),
        device(DevicePhase::Succeeded, Some(Reason::NotSeen), 0),
        &[]
    )]
    #[case::a_success(None, device(DevicePhase::Succeeded, None, 0), &[])]
    #[case::a_foreign_revision(Some(device(DevicePhase::Flashing, None, 0)), device(DevicePhase::Flashing, Some(Reason::ForeignRevision), 0), &["ForeignRevision"])]
    #[case::what_a_pass_has_told(None, device(DevicePhase::Flashing, Some(Reason::AddressLost), 0), &[])]
    #[case::one_that_was_said(
        Some(device(DevicePhase::Flashing, Some(Reason::ForeignRevision), 0)),
        device(DevicePhase::Flashing, Some(Reason::ForeignRevision), 0),
        &[]
    )]
    fn what_happens_to_a_device_is_told_once(
        #[case] before: Option<DeviceStatus>,
        #[case] now: DeviceStatus,
        #[case] told: &[&str],
    ) {
        let with = |device: Option<DeviceStatus>| FlashJobStatus {
            devices: device.into_iter().collect(),
            ..FlashJobStatus::default()
        };
        let news = news(&with(before), &with(Some(now)));
        let reasons: Vec<_> = news.iter().map(|news| news.reason).collect();
        assert_eq!(reasons, told);
        for news in news {
            assert_eq!(news.about, About::Device("uuid-3".into()));
            assert!(news.warning && news.note.ends_with("why"), "{news:?}");
        }
    }

    #[rstest]
    #[case::success(&[], &[ConditionType::Complete], &[("Complete", false)])]
    #[case::success_that_is_known(&[ConditionType::Complete], &[ConditionType::Complete], &[])]
    #[case::failure_which_is_stalled_too(&[], &[ConditionType::Failed, ConditionType::Stalled], &[("Failed", true)])]
    #[case::failure_of_a_job_that_was_stalled(
        &[ConditionType::Stalled],
        &[ConditionType::Failed, ConditionType::Stalled],
        &[("Failed", true)]
    )]
    #[case::a_job_that_cannot_go_on(&[], &[ConditionType::Stalled], &[("Stalled", true)])]
    fn the_end_of_a_job_is_told_once(
        #[case] before: &[ConditionType],
        #[case] now: &[ConditionType],
        #[case] told: &[(&str, bool)],
    ) {
        let with = |kinds: &[ConditionType]| {
            let mut status = FlashJobStatus {
                reason: Some("DevicesFailed".into()),
                message: Some("why".into()),
                ..FlashJobStatus::default()
            };
            for kind in kinds {
                set(
                    &mut status.conditions,
                    *kind,
                    true,
                    Reason::FlashFailed,
                    String::new(),
                    1,
                    at(0),
                );
            }
            status
        };
        let news = news(&with(before), &with(now));
        let said: Vec<_> = news
            .iter()
            .map(|news| (news.reason, news.warning))
            .collect();
        assert_eq!(said, told);
        assert!(news.iter().all(|news| news.note == "DevicesFailed: why"));
    }
    #[rstest]
    #[case::one_that_failed_for_it(
        device(DevicePhase::Failed, Some(Reason::DeviceNotFound), 0),
        None
    )]
    #[case::one_that_waits_for_its_turn(
        device(DevicePhase::Pending, Some(Reason::Queued), 0),
        None
    )]
    #[case::one_that_is_missing(
        device(DevicePhase::Pending, Some(Reason::DeviceNotFound), 0),
        Some("device 3 (uuid-3) is not discovered by Akri yet: why")
    )]
    fn a_device_is_told_as_missing_while_it_has_not_begun(
        #[case] now: DeviceStatus,
        #[case] note: Option<&str>,
    ) {
        let other = device(DevicePhase::Pending, Some(Reason::Queued), 0);
        let status = |device| FlashJobStatus {
            devices: vec![device],
            ..FlashJobStatus::default()
        };
        for before in [FlashJobStatus::default(), status(other)] {
            let missing = of_missing(&before, &status(now.clone()));
            let expected = note.map(|note| News {
                about: About::Job,
                warning: true,
                reason: "DeviceNotFound",
                note: note.into(),
            });
            assert_eq!(missing, expected);
        }
    }
}
