use rstest::rstest;

use super::*;
use crate::view::fixtures::{job, selection};

fn wanted() -> Wanted {
    Wanted {
        limit: 50,
        ..Wanted::default()
    }
}

fn indexes(page: &DevicePage) -> Vec<usize> {
    page.items.iter().map(|entry| entry.index).collect()
}

#[test]
fn every_device_has_its_phase_whether_the_status_lists_it_or_not() {
    let entries = entries(&job(), Some(&selection()));
    let phases: Vec<_> = entries.iter().map(|entry| entry.phase.as_str()).collect();
    let (good, bad, none) = ("Succeeded", "Failed", "Pending");
    assert_eq!(
        phases,
        [
            good, good, good, good, bad, bad, "Flashing", none, none, none
        ]
    );
    assert_eq!(entries[5].uuid.as_deref(), Some("u-5"));
    assert_eq!(entries[5].reason, None);
}

#[test]
fn without_the_selection_a_device_that_is_not_listed_has_no_name() {
    let entries = entries(&job(), None);
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[4].uuid.as_deref(), Some("u-4"));
    assert_eq!(entries[5].uuid, None);
    assert_eq!(entries[5].phase, "Failed");
}

#[rstest]
#[case::by_phase(Wanted {phase: Some("Failed".into()), ..wanted()}, &[4, 5], 2, None)]
#[case::by_reason(Wanted {reason: Some("TransferFailed".into()), ..wanted()}, &[4], 1, None)]
#[case::by_text(Wanted {text: Some("DEVICE 6".into()), ..wanted()}, &[6], 1, None)]
#[case::by_endpoint(Wanted {text: Some("192.0.2.7".into()), ..wanted()}, &[7], 1, None)]
#[case::the_first_page(Wanted {limit: 4, ..wanted()}, &[0, 1, 2, 3], 10, Some(4))]
#[case::the_next_page(Wanted {from: 4, limit: 4, ..wanted()}, &[4, 5, 6, 7], 10, Some(8))]
#[case::the_last_page(Wanted {from: 8, limit: 4, ..wanted()}, &[8, 9], 10, None)]
#[case::of_some(Wanted {phase: Some("Succeeded".into()), from: 1, limit: 2, ..wanted()}, &[1, 2], 4, Some(3))]
#[case::beyond(Wanted {from: 99, ..wanted()}, &[], 10, None)]
fn a_page_has_the_devices_that_are_meant_by_index(
    #[case] wanted: Wanted,
    #[case] expected: &[usize],
    #[case] matching: usize,
    #[case] next: Option<usize>,
) {
    let page = page(entries(&job(), Some(&selection())), &wanted);
    assert_eq!(indexes(&page), expected);
    assert_eq!(
        (page.selected, page.matching, page.next),
        (10, matching, next)
    );
}

#[test]
fn a_count_that_nobody_can_have_is_bounded() {
    let mut job = job();
    job.status.selection.as_mut().unwrap().count = i64::MAX;
    assert_eq!(entries(&job, None).len(), MOST);
    job.status.selection.as_mut().unwrap().count = -1;
    assert!(entries(&job, None).is_empty());
}
