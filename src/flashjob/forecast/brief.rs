//! What a job that is not created yet would do, in the few sentences that a person reads before ordering it. Pure.

use super::{Fate, Forecast, duration_words};

/// What keeps it from starting, how many devices would be refused, and how long it takes.
#[must_use]
pub fn brief(of: &Forecast) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(refusal) = &of.refusal {
        said.push(format!(
            "Nothing of it would start, {}: {}",
            refusal.reason, refusal.message
        ));
    }
    if let Some(waits) = &of.waits {
        said.push(format!(
            "Nothing starts yet, {}: {}",
            waits.reason, waits.message
        ));
    }
    let refused = || of.devices.iter().filter(|one| one.fate == Fate::Refused);
    if let Some(first) = refused().next() {
        let why = first.message.as_deref().unwrap_or_default();
        said.push(format!(
            "{} of {} devices would be refused; the first one, {}: {why}",
            refused().count(),
            of.devices.len(),
            first.selected.uuid
        ));
    }
    said.extend(approvals(of));
    said.push(duration_words(&of.duration));
    said
}

/// How often somebody is waited for, because the job says so or its class.
fn approvals(of: &Forecast) -> Option<String> {
    let asked = of.steps.iter().filter(|step| step.require_approval);
    let asked: Vec<_> = asked.collect();
    let before_all = asked.first()?.total == 0;
    let times = match asked.len() {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let first = match (before_all, asked.len()) {
        (true, 1) => ", before any device is flashed",
        (true, _) => ", the first time before any device is flashed",
        (false, _) => "",
    };
    Some(format!("It waits {times} for an approval{first}."))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        api::{Effective, SelectedDevice},
        flashjob::forecast::{Duration, Failures, Prospect, Refused, StepForecast},
    };

    fn forecast() -> Forecast {
        Forecast {
            job: "lamps".into(),
            namespace: "lab".into(),
            time: jiff::Timestamp::UNIX_EPOCH,
            firmware: "f:1".into(),
            version: "1".into(),
            image: None,
            question: None,
            exists: false,
            current_round: None,
            classes: Vec::new(),
            not_seen: Vec::new(),
            refusal: None,
            waits: None,
            not_selectable: None,
            effective: Effective::default(),
            limits: Vec::new(),
            steps: Vec::new(),
            devices: Vec::new(),
            failures: Failures::default(),
            duration: Duration {
                seconds_at_most: 1200,
                in_flight: 5,
                counted: vec!["flashes".into()],
                not_counted: vec!["waits".into()],
            },
        }
    }

    #[test]
    fn what_would_run_is_said_with_its_duration_alone() {
        let words = "It takes at most 20 min with 5 devices at a time. Counted: flashes. Not counted: waits.";
        assert_eq!(brief(&forecast()), [words]);
    }

    #[rstest]
    #[case::none(&[(1, false), (5, false)], None)]
    #[case::before_the_first_device(&[(0, true), (5, false)], Some("It waits once for an approval, before any device is flashed."))]
    #[case::and_after_a_step(&[(0, true), (1, true), (5, false)], Some("It waits 2 times for an approval, the first time before any device is flashed."))]
    #[case::after_a_step_alone(&[(1, true), (5, false)], Some("It waits once for an approval."))]
    fn how_often_somebody_is_waited_for_is_said(
        #[case] steps: &[(usize, bool)],
        #[case] words: Option<&str>,
    ) {
        let mut of = forecast();
        let step = |(total, require_approval): &(usize, bool)| StepForecast {
            total: *total,
            require_approval: *require_approval,
            ..StepForecast::default()
        };
        of.steps = steps.iter().map(step).collect();
        let said = brief(&of);
        let found = said.iter().find(|words| words.starts_with("It waits"));
        assert_eq!(found.map(String::as_str), words);
    }

    #[test]
    fn what_would_not_run_is_said_before_how_long_it_takes() {
        let mut of = forecast();
        let refused = |reason: &str, message: &str| Refused {
            reason: reason.into(),
            message: message.into(),
        };
        of.refusal = Some(refused("NamespaceNotAllowed", "not here"));
        let device = |fate, message: Option<&str>| Prospect {
            index: 0,
            step: 1,
            selected: SelectedDevice {
                uuid: "u-1".into(),
                ..SelectedDevice::default()
            },
            fate,
            reason: None,
            message: message.map(str::to_owned),
        };
        of.devices = vec![
            device(Fate::Flashed, None),
            device(Fate::Refused, Some("it is an oven")),
        ];
        let said = brief(&of);
        assert_eq!(
            said[0],
            "Nothing of it would start, NamespaceNotAllowed: not here"
        );
        assert_eq!(
            said[1],
            "1 of 2 devices would be refused; the first one, u-1: it is an oven"
        );
    }
}
