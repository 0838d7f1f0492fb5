//! How much an entry of `status.devices` may say. Pure.
//!
//! Its words are others' words, in part: of the device, of the kubelet, of whoever may write a status. Called by `devices` before
//! room is given out, and with what is stored.

use crate::{
    api::{DeviceStatus, Word},
    device::MAX_PROPERTY,
    display::{self, MESSAGE},
};

/// Longest end of a log, in bytes.
const MAX_LOG: usize = 1024;
/// Longest name or word, in bytes.
const MAX_NAME: usize = 253;
/// Most attempts that are told of: no job has more retries.
const MAX_FAILURES: usize = 21;

/// Bounds the texts of an entry. A version that is longer than a property may be is left out: cut, it would be another version.
pub fn bound(device: &mut DeviceStatus) {
    let DeviceStatus {
        index: _,
        uuid,
        host_endpoint,
        release,
        pod,
        phase,
        reason,
        message,
        attempts: _,
        earlier_failures,
        from_version,
        to_version,
        start_time: _,
        next_time: _,
        completion_time: _,
        log_tail,
    } = device;
    earlier_failures.truncate(MAX_FAILURES);
    let names = [host_endpoint, release, pod].into_iter().flatten();
    let words = earlier_failures.iter_mut().chain(reason);
    names
        .chain([uuid])
        .chain(words.filter_map(Word::unknown_mut))
        .chain(phase.unknown_mut())
        .for_each(|name| display::shorten(name, MAX_NAME));
    if let Some(message) = message {
        display::shorten(message, MESSAGE);
    }
    for version in [from_version, to_version] {
        *version = version.take().filter(|text| text.len() <= MAX_PROPERTY);
    }
    if let Some(tail) = log_tail
        && tail.len() > MAX_LOG
    {
        display::shorten(tail, MAX_LOG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_an_entry_is_longer_than_its_bound_and_a_version_is_whole_or_left_out() {
        let huge = || "x\n".repeat(10_000);
        let mut device = DeviceStatus {
            uuid: huge(),
            host_endpoint: Some(huge()),
            release: Some(huge()),
            pod: Some(huge()),
            phase: huge().as_str().into(),
            reason: Some(huge().as_str().into()),
            message: Some(huge()),
            earlier_failures: vec![huge().as_str().into(); 1000],
            from_version: Some(huge()),
            to_version: Some("1".repeat(MAX_PROPERTY)),
            log_tail: Some(huge()),
            ..DeviceStatus::default()
        };
        bound(&mut device);
        assert_eq!(device.from_version, None);
        assert_eq!(device.to_version, Some("1".repeat(256)));
        assert_eq!(device.earlier_failures.len(), 21);
        let size = crate::flashjob::status::json_size(&device);
        assert!(size < 16 * 1024, "{size}");
        let once = device.clone();
        bound(&mut device);
        assert_eq!(device, once);
    }

    #[test]
    fn what_an_entry_usually_says_stays_as_it_is() {
        let usual = DeviceStatus {
            uuid: "a".into(),
            message: Some("the flash is under way".into()),
            from_version: Some("0.1.0\u{1b}".into()),
            log_tail: Some("one\ntwo".into()),
            ..DeviceStatus::default()
        };
        let mut device = usual.clone();
        bound(&mut device);
        assert_eq!(device, usual);
    }
    #[test]
    fn the_end_of_a_log_keeps_its_lines_where_it_is_as_long_as_it_may_be() {
        let tail = "one\n".repeat(MAX_LOG / 4);
        let of = |text: &str| {
            let mut device = DeviceStatus {
                log_tail: Some(text.to_owned()),
                ..DeviceStatus::default()
            };
            bound(&mut device);
            device.log_tail.unwrap()
        };
        assert_eq!(of(&tail), tail);
        let longer = of(&format!("{tail}\n"));
        assert!(
            longer.len() <= MAX_LOG && !longer.contains('\n'),
            "{longer}"
        );
    }
}
